-- In front of every script.

local DAY_MS = 86400000

-- Shares of the server's memory beyond which no session is made, and nothing more is said by users.
-- What is there goes on: its scripts may write also where the server is full.
local MOST_BEFORE_NEW, MOST_BEFORE_INPUT = 0.8, 0.9

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

-- For how many days it is kept what was used, after the last time.
local KEPT_DAYS = 400

-- Count something of a tenant for the day of a time. Days too old are forgotten when one begins.
local function count_day(daily, now, name, more)
  if tonumber(more) == 0 then return end
  local day = math.floor(now / DAY_MS)
  if redis.call('HINCRBY', daily, day .. ' ' .. name, more) == tonumber(more) then
    for _, field in ipairs(redis.call('HKEYS', daily)) do
      if tonumber(string.match(field, '^%d+')) <= day - KEPT_DAYS then
        redis.call('HDEL', daily, field)
      end
    end
  end
  redis.call('PEXPIRE', daily, KEPT_DAYS * DAY_MS)
end

-- The usage that a hash has, a session's or a tenant's; what was never counted is 0.
local function usage_at(key)
  local counts = redis.call('HMGET', key, unpack(USAGE))
  for index = 1, #USAGE do counts[index] = counts[index] or '0' end
  return counts
end

-- What scripts tell of a session that its tenant's lists are to know: its usage, and its bytes.
-- Of one that is over, journal and checkpoint go in a moment. What a transcript takes is the server's
-- estimate.
local function told_of(keys, is_over)
  local told, journal = usage_at(keys[1]), 0
  if not is_over then
    if redis.call('EXISTS', keys[2]) == 1 then journal = redis.call('HGET', keys[1], 'journal_bytes') end
    journal = journal + redis.call('STRLEN', keys[3])
  end
  local said = redis.pcall('MEMORY', 'USAGE', keys[4], 'SAMPLES', 5)
  if type(said) ~= 'number' then said = 0 end
  told[#told + 1] = string.format('%d', 1024 + redis.call('HSTRLEN', keys[1], 'config')
    + journal + said)
  return told
end

-- How much of the memory that it may have this server uses; 0 where there is no limit, or no word.
local function memory_share()
  local info = redis.pcall('INFO', 'memory')
  if type(info) ~= 'string' then return 0 end
  local limit = tonumber(string.match(info, '\nmaxmemory:(%d+)') or 0)
  local used = tonumber(string.match(info, 'used_memory:(%d+)') or 0)
  return limit > 0 and used / limit or 0
end

-- Note how many bytes a session has (0: it is gone). All of a tenant's are under the empty name.
local function count_bytes(bytes, session_id, now_has)
  local had = tonumber(redis.call('HGET', bytes, session_id) or 0)
  if now_has == 0 then
    redis.call('HDEL', bytes, session_id)
  else
    redis.call('HSET', bytes, session_id, now_has)
  end
  if now_has ~= had then redis.call('HINCRBY', bytes, '', now_has - had) end
end

-- Forget sessions that are gone, some at a time.
local function forget_gone(sessions, expiry, metered, bytes, now)
  local gone = redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 500)
  if #gone > 0 then
    redis.call('ZREM', sessions, unpack(gone))
    redis.call('ZREM', expiry, unpack(gone))
    redis.call('HDEL', metered, unpack(gone))
    for _, session_id in ipairs(gone) do count_bytes(bytes, session_id, 0) end
  end
end
