"""Which fields of Telegraf's plugins are cumulative counters; Telegraf itself does not say.

A table of the plugins that are in use, by their documentation. Of a plugin that is not in it, names
that end in `_total` are counters, and `counter`, which is what its Prometheus input writes.
"""

import re

# A pattern for the whole of a field's name. A plugin that stands here has no other counters.
_CUMULATIVE = {
    # machines
    "conntrack": r"insert|insert_failed|drop|early_drop|found|icmp_error|invalid|new|ignore"
    r"|search_restart|searched|delete|delete_list|chain_toolong|clash_resolve",
    "cpu": r"time_\w+",
    "diskio": r"(merged_)?(reads|writes)|(read|write)_bytes|(read|write|io|weighted_io)_time",
    "ethtool": r"\w*(packets|bytes|errors?|dropped|drops|discards?|collisions)\w*",
    "interrupts": r".+",
    "kernel": r"context_switches|interrupts|processes_forked|disk_pages_(in|out)",
    "kernel_vmstat": r"(pg|psw|compact_|thp_(?!zero)|numa_|kswapd_|allocstall|slabs_scanned"
    r"|unevictable_pgs_|drop_|oom_kill|workingset_(?!nodes))\w*",
    "net": r"(bytes|packets)_(sent|recv)|(err|drop)_(in|out)"
    r"|(icmp|icmpmsg|ip|tcp|udp|udplite)_(?!currestab|rto|maxconn|default|forwarding)\w+",
    "nstat": r"(?!Ip6?Forwarding$|IpDefaultTTL$|TcpRto|TcpMaxConn$|TcpCurrEstab$).+",
    "soft_interrupts": r".+",
    "swap": r"in|out",
    # containers
    "docker_container_blkio": r"(io|sectors)_\w+",
    "docker_container_cpu": r"usage_(total|in_usermode|in_kernelmode|system)|throttling_\w+",
    "docker_container_mem": r"(total_)?(pgfault|pgmajfault|pgpgin|pgpgout)|fail_count",
    "docker_container_net": r"(rx|tx)_\w+",
    "kubernetes_node": r"cpu_usage_core_nanoseconds|memory_(major_)?page_faults"
    r"|network_(rx|tx)_\w+",
    "kubernetes_pod_container": r"cpu_usage_core_nanoseconds|memory_(major_)?page_faults"
    r"|restarts_total",
    "kubernetes_pod_network": r"(rx|tx)_\w+",
    "kubernetes_system_container": r"cpu_usage_core_nanoseconds|memory_(major_)?page_faults",
    # servers
    "apache": r"TotalAccesses|TotalkBytes|TotalDuration|CPU(Children)?(User|System)",
    "haproxy": r"stot|bin|bout|d(req|resp|con|ses)|e(req|con|resp)|w(retr|redis)|chk(fail|down)"
    r"|downtime|lbtot|(cli|srv)_(abort|abrt)|comp_(in|out|byp|rsp)|(req|conn)_tot|intercepted"
    r"|(http_response\.|hrsp_)\w+",
    "memcached": r"(get|delete|incr|decr|cas|touch|cmd|auth)_\w+|bytes_(read|written)|evictions"
    r"|total_(connections|items)|(expired|evicted)_unfetched|reclaimed|conn_yields"
    r"|listen_disabled_num|rejected_connections",
    "mongodb": r"(repl_)?(commands|inserts|queries|updates|deletes|getmores)|page_faults|flushes"
    r"|net_(in|out)_bytes_count|latency_\w+|assert_\w+|document_\w+|operation_\w+"
    r"|cursor_timed_out_count|ttl_\w+|total_(docs|keys)_scanned|connections_total_created",
    "mysql": r"(com|handler|select|sort|created_tmp|opened|connection_errors)_\w+|table_locks_\w+"
    r"|table_open_cache_\w+|queries|questions|slow_queries|connections|aborted_\w+|threads_created"
    r"|bytes_(received|sent)|access_denied_errors|key_(reads|read_requests|writes|write_requests)"
    r"|qcache_(hits|inserts|lowmem_prunes|not_cached)|binlog_\w*cache_\w*use|innodb_rows_\w+"
    r"|innodb_data_(reads|writes|read|written|fsyncs)|innodb_pages_(created|read|written)"
    r"|innodb_(os_log_(written|fsyncs)|log_\w+|dblwr_\w+|row_lock_(waits|time))"
    r"|innodb_buffer_pool_(reads?_requests|reads|read_ahead\w*|write_requests|wait_free)",
    "nginx": r"accepts|handled|requests",
    "pgbouncer": r"total_\w+",
    "phpfpm": r"accepted_conn|slow_requests|max_children_reached",
    "postgresql": r"xact_\w+|blks_\w+|tup_\w+|conflicts|temp_(files|bytes)|deadlocks"
    r"|sessions(_\w+)?|blk_\w+_time|(session|active|idle_in_transaction)_time|buffers_\w+|checkpoints?_\w+"
    r"|maxwritten_clean|checksum_failures",
    "rabbitmq_exchange": r"messages_publish_(in|out)",
    "rabbitmq_node": r"gc_(num|bytes_reclaimed)",
    "rabbitmq_overview": r"messages_(acked|delivered\w*|published\w*)|return_unroutable",
    "rabbitmq_queue": r"messages_(ack|deliver|deliver_get|publish|redeliver)",
    "redis": r"total_(connections_received|commands_processed|net_\w+_bytes|reads_processed"
    r"|writes_processed|error_replies|forks)|rejected_connections|sync_\w+|(expired|evicted)_keys"
    r"|keyspace_(hits|misses)|used_cpu_\w+|unexpected_error_replies",
    "redis_cmdstat": r"calls|usec|(rejected|failed)_calls",
    "redis_errorstat": r"total",
    "redis_keyspace": r"(?!)",
    "zookeeper": r"packets_(received|sent)",
    # others
    "interface": r"if(HC)?(In|Out)(Octets|\w*Pkts|Errors|Discards|UnknownProtos)",
    "internal_agent": r"metrics_\w+|gather_(errors|timeouts)",
    "internal_gather": r"metrics_gathered|errors|gather_timeouts",
    "internal_memstats": r"mallocs|frees|num_gc|total_alloc_bytes|pointer_lookups",
    "internal_write": r"metrics_\w+|errors",
    "procstat": r"(read|write)_(bytes|count)|(child_)?(major|minor)_faults|cpu_time(_\w+)?"
    r"|(in)?voluntary_context_switches",
    "snmp": r"if(HC)?(In|Out)(Octets|\w*Pkts|Errors|Discards|UnknownProtos)",
}
_PATTERNS = {plugin: re.compile(pattern) for plugin, pattern in _CUMULATIVE.items()}


def is_counter(plugin: str, field: str, known: bool) -> bool:
    """Say whether a field is cumulative; `known`: of a plugin whose names speak for themselves."""
    pattern = _PATTERNS.get(plugin)
    if pattern is not None:
        return pattern.fullmatch(field) is not None
    return not known and (field == "counter" or field.endswith("_total"))
