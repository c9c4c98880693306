-- The generic cell rate algorithm. KEYS: rate. ARGV: now, amount, per_minute.
-- The key holds the time at which all that was taken is paid off. Returns milliseconds to wait.
local now = time_ms(ARGV[1])
local minute = 60000
local cost = ARGV[2] * minute / ARGV[3]
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
-- More than a whole minute's worth in one piece goes when everything is paid off.
local wait = paid + math.min(cost, minute) - (now + minute)
if wait > 0 then return math.ceil(wait) end
local until_ms = paid + cost
redis.call('SET', KEYS[1], string.format('%.3f', until_ms), 'PX', math.ceil(until_ms - now) + 1)
return 0
