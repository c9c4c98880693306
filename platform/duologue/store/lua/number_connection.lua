-- Another connection of the session's client. KEYS: meta. Returns ok and its number.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'unknown'} end
return {'ok', redis.call('HINCRBY', KEYS[1], 'connections', 1)}
