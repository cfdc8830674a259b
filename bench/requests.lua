-- What wrk sends, ready made by bench/scenarios.py, and what came of it as one line of JSON.
--
--   fresh FILE   FILE holds: what stands before the slug, between slug and number, after the number,
--                then the slugs. Every request takes the next slug and the next number, so no
--                email comes twice. Slugs are equally long, so Content-Length holds for all.
--   once FILE    FILE holds whole requests; each is sent once, and running out is told
--   again FILE   the same, from the beginning again after the last
--   chain FILE   FILE holds: what stands before a refresh token, what stands after it, then tokens.
--                Every request takes a token, and every answer brings the next of its chain.
--
-- Parts of a file end with a NUL. request() runs on wrk's only thread between reading and writing:
-- it does no more than one concatenation.
local threads = {}
exhausted = 0

function setup(thread)
  threads[#threads + 1] = thread
end

local function parts_of(path)
  local file = assert(io.open(path, "rb"))
  local parts = {}
  for part in file:read("*a"):gmatch("(%Z+)%z") do
    parts[#parts + 1] = part
  end
  file:close()
  return parts
end

local function fresh(parts)
  local before, between, after = parts[1], parts[2], parts[3]
  local slugs, number, format = #parts - 3, 0, string.format
  return function()
    number = number + 1
    return before .. parts[4 + number % slugs] .. between .. format("%07d", number) .. after
  end
end

local function once(parts)
  -- wrk asks for one request before the first, to see whether it is pipelined, and never sends it.
  local asked, last = -1, #parts
  return function()
    asked = asked + 1
    if asked > last then
      exhausted = 1
    end
    return parts[math.max(1, math.min(asked, last))]
  end
end

local function again(parts)
  local sent, last = 0, #parts
  return function()
    sent = sent % last + 1
    return parts[sent]
  end
end

local function chain(parts)
  local before, after = parts[1], parts[2]
  local first, last, tokens = 1, #parts - 2, {}
  for number = 3, #parts do
    tokens[number - 2] = parts[number]
  end
  local token = tokens[1]
  local asked = false
  response = function(_, _, body)
    local child = body:match('"refreshToken": ?"([^"]+)"')
    if child then
      last = last + 1
      tokens[last] = child
    end
  end
  return function()
    -- As above: the very first is never sent.
    if not asked then
      asked = true
    elseif first > last then
      exhausted = 1
    else
      token, tokens[first] = tokens[first], nil
      first = first + 1
    end
    return before .. token .. after
  end
end

function init(args)
  local makers = { fresh = fresh, once = once, again = again, chain = chain }
  request = makers[args[1]](parts_of(args[2]))
end

function done(summary, latency)
  local ran_out = 0
  for _, thread in ipairs(threads) do
    ran_out = ran_out + thread:get("exhausted")
  end
  local errors = summary.errors
  local line = 'doorward-bench {"requests": %d, "duration_us": %d, "bad_statuses": %d, '
    .. '"broken_connections": %d, "timeouts": %d, "ran_out": %d, '
    .. '"p50_us": %d, "p90_us": %d, "p99_us": %d, "max_us": %d}\n'
  io.write(line:format(
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write, errors.timeout, ran_out,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max
  ))
end
