-- The session's hash as it stands. KEYS: meta. ARGV: now. Returns the time, then field and value.
local fields = redis.call('HGETALL', KEYS[1])
table.insert(fields, 1, time_ms(ARGV[1]))
return fields
