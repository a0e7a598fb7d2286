-- wrk -s load.lua URL -- METHOD BODY PATH...: asks for the paths in turn, and writes a line of JSON at the end.
local requests, number = {}, 0

function init(args)
  local method, body = args[1], args[2]
  local headers = body ~= '' and { ['Content-Type'] = 'application/json' } or {}
  for at = 3, #args do
    requests[#requests + 1] = wrk.format(method, args[at], headers, body ~= '' and body or nil)
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'bench: {"requests":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
