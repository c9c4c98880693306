-- In front of every script.

local DAY_MS = 86400000

-- Unix milliseconds: the server's, unless the caller gives a time (tests do).
local function time_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Give every key as much time to live.
local function expire(keys, ttl_ms)
  for _, key in ipairs(keys) do redis.call('PEXPIRE', key, ttl_ms) end
end

-- What was used, in the order in which scripts take and tell it.
local USAGE = {'input_tokens', 'output_tokens', 'slices', 'discarded_tokens'}

-- The usage that a hash has, a session's or a tenant's; what was never counted is 0.
local function usage_at(key)
  local counts = redis.call('HMGET', key, unpack(USAGE))
  for index = 1, #USAGE do counts[index] = counts[index] or '0' end
  return counts
end

-- Forget sessions that are gone, some at a time.
local function forget_gone(sessions, expiry, metered, now)
  local gone = redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 500)
  if #gone > 0 then
    redis.call('ZREM', sessions, unpack(gone))
    redis.call('ZREM', expiry, unpack(gone))
    redis.call('HDEL', metered, unpack(gone))
  end
end
