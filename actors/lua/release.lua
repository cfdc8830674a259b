-- Gives partitions up, so that the next owner need not wait for this one's lease.
--
-- KEYS: partitions. ARGV: owner, then an epoch per partition. Only what is still held is released.
for i, partition in ipairs(KEYS) do
  local held = redis.call('HMGET', partition, 'epoch', 'owner')
  if held[1] == ARGV[i + 1] and held[2] == ARGV[1] then
    redis.call('HSET', partition, 'owner', '')
  end
end
return #KEYS
