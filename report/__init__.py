"""What a backtest came to, as one page that opens offline and as JSON."""
