-- Gives partitions up, so that the next owner need not wait for this one's lease.
--
-- KEYS: partitions. ARGV: owner, then for each its epoch, and 1 where its owner has waited for whoever
-- was before it: the next owner need not then. Only what is still held is released.
for i, partition in ipairs(KEYS) do
  local held = redis.call('HMGET', partition, 'epoch', 'owner')
  if held[1] == ARGV[2 * i] and held[2] == ARGV[1] then
    redis.call('HSET', partition, 'owner', '')
    if ARGV[2 * i + 1] == '1' then redis.call('HSET', partition, 'settled', 1) end
  end
end
return #KEYS
