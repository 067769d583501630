-- Requests for wrk: one sentence each, of the lines of a file in turn. Run by measure_service.py.
--
--   SENTENCES=FILE BODY='{"text": "%s"}' wrk -s service_requests.lua ...
--
-- The last line is JSON: requests, seconds, percentiles in milliseconds, and what failed.

local requests, at = {}, 0

function init()
    for line in io.lines(os.getenv("SENTENCES")) do
        local body = os.getenv("BODY"):gsub("%%s", function() return line end)
        requests[#requests + 1] = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local failed = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.4f, "p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, "refused": %d, "broken": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
        latency:percentile(99) / 1e3, latency.max / 1e3, failed.status,
        failed.connect + failed.read + failed.write + failed.timeout))
end
