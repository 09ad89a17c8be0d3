"""What trains individuals: engines, the workers behind them, and what runs in a worker."""
