"""One notifier a file; `channel` says what each is."""
