-- How many sessions of a tenant are live. KEYS: live. ARGV: now.
return redis.call('ZCOUNT', KEYS[1], '(' .. time_ms(ARGV[1]), '+inf')
