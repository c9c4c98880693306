-- What a tenant's lists are to know of a session; usage that was counted already is not again.
-- KEYS: a tenant's. ARGV: now, session_id, ttl_ms, live_ms (0: it is not live, '': leave that),
--   created_ms ('' when it is listed), its usage, its bytes.
local now = time_ms(ARGV[1])
local sessions, expiry, live, metered, usage, bytes, daily = unpack(KEYS)
local session_id, ttl_ms = ARGV[2], ARGV[3]
forget_gone(sessions, expiry, metered, bytes, now)
if ARGV[5] ~= '' and redis.call('ZADD', sessions, ARGV[5], session_id) == 1 then
  count_day(daily, now, 'sessions', 1)
end
redis.call('ZADD', expiry, now + ttl_ms, session_id)
if ARGV[4] == '0' then
  redis.call('ZREM', live, session_id)
elseif ARGV[4] ~= '' then
  redis.call('ZADD', live, now + ARGV[4], session_id)
  redis.call('PEXPIRE', live, math.max(ARGV[4], DAY_MS))
end
local counted = {}
for count in string.gmatch(redis.call('HGET', metered, session_id) or '', '%d+') do
  counted[#counted + 1] = count
end
local is_more = false
for index, name in ipairs(USAGE) do
  local total = ARGV[5 + index]
  counted[index] = counted[index] or '0'
  local more = total - counted[index]
  if more > 0 then
    redis.call('HINCRBY', usage, name, more)
    count_day(daily, now, name, more)
    counted[index], is_more = total, true
  end
end
if is_more then redis.call('HSET', metered, session_id, table.concat(counted, ' ')) end
count_bytes(bytes, session_id, tonumber(ARGV[6 + #USAGE]))
expire({sessions, expiry, metered, bytes}, math.max(ttl_ms, DAY_MS))
redis.call('PEXPIRE', usage, KEPT_DAYS * DAY_MS)
return {'ok'}
