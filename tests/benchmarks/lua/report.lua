-- What a run of wrk gave, as one line of JSON; times in microseconds.
done = function(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format(
    'RESULT {"answers": %d, "duration": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed.status,
    failed.connect + failed.read + failed.write + failed.timeout))
end
