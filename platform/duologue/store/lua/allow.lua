-- The generic cell rate algorithm. KEYS: rate, or rate and a tenant's bytes.
-- ARGV: now, amount, per_minute, or these and how many bytes the tenant may have.
-- The key holds the time at which all that was taken is paid off. Returns milliseconds to wait,
-- or -1 when the server is nearly full, -2 when the tenant has too many bytes.
local now = time_ms(ARGV[1])
local minute = 60000
if KEYS[2] then
  if memory_share() > MOST_BEFORE_INPUT then return -1 end
  if tonumber(redis.call('HGET', KEYS[2], '') or 0) > tonumber(ARGV[4]) then return -2 end
end
local cost = ARGV[2] * minute / ARGV[3]
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
-- More than a whole minute's worth in one piece goes when everything is paid off.
local wait = paid + math.min(cost, minute) - (now + minute)
if wait > 0 then return math.ceil(wait) end
local until_ms = paid + cost
redis.call('SET', KEYS[1], string.format('%.3f', until_ms), 'PX', math.ceil(until_ms - now) + 1)
return 0
