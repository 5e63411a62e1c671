{{- define "foreshock.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- define "foreshock.selector" -}}
app.kubernetes.io/name: foreshock
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "foreshock.labels" -}}
{{ include "foreshock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
{{- define "foreshock.settings" -}}
{{- $served := dict "metrics_port" .Values.metrics.port "health" (dict "ready_within_s" .Values.metrics.readyWithinSeconds) "log_format" "json" -}}
{{ merge (deepCopy .Values.config) $served | toYaml }}
{{- end -}}
