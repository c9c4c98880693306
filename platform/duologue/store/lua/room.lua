-- Whether a tenant may have another session. KEYS: a tenant's.
-- ARGV: now, session_id, bytes, max_sessions, max_bytes. One that is there already may stay.
local sessions, expiry, _, metered, _, bytes = unpack(KEYS)
forget_gone(sessions, expiry, metered, bytes, time_ms(ARGV[1]))
if redis.call('ZSCORE', sessions, ARGV[2]) then return {'ok'} end
local kept = redis.call('ZCARD', sessions)
if kept >= tonumber(ARGV[4]) then return {'sessions', kept} end
local total = tonumber(redis.call('HGET', bytes, '') or 0)
if total + ARGV[3] > tonumber(ARGV[5]) then return {'bytes', string.format('%d', total)} end
return {'ok'}
