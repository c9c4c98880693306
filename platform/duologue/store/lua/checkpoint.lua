-- Replace the journal's first entries with a checkpoint. A repeat changes nothing.
-- KEYS: a session's. ARGV: now, epoch, ttl_ms, num_entries, checkpoint.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'claim', 'entries')
if not meta[1] then return {'unknown'} end
if meta[1] ~= ARGV[2] or not meta[2] then return {'stale', meta[1]} end
local length = redis.call('LLEN', KEYS[2])
local before = meta[3] - length
local covered = ARGV[4] - before
if covered < 0 or covered > length then return {'gap', meta[3]} end
redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[3])
redis.call('LTRIM', KEYS[2], covered, -1)
local bytes = 0
for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do bytes = bytes + #entry end
redis.call('HSET', KEYS[1], 'journal_bytes', bytes)
return {'ok'}
