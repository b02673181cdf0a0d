package redis

// A timeline is a hash, in which all that belongs together is lost together:
//
//	g       the generation, drawn when the timeline was made
//	n       the newest pts
//	m       in how many conversations the user is
//	x       the highest pts that was given out (rule TML-9)
//	NUMBER  the row of a conversation: pts, seq of the last membership change, version of the settings, 1 if a member; behind a blank, what a later
//	        version has beside them, which stays
//
// Numbers are below 2^53, which Lua's are exact to; they are written by %.0f, since tostring gives up exactness at 14 digits.

// markText marks the end of a timeline as given out.
const markText = `if redis.call('HGET', KEYS[1], 'x') ~= n then redis.call('HSET', KEYS[1], 'x', n) end`

// readLineText reads a timeline and marks its end as given out. KEYS line. ARGV how long it stays, in ms.
// It answers nil, or {replication id, fields and values}.
const readLineText = `
local all = redis.call('HGETALL', KEYS[1])
if #all == 0 then return false end
local n = redis.call('HGET', KEYS[1], 'n')
` + markText + `
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)'), all}`

// endLineText reads where a timeline ends and marks that as given out. KEYS line.
// It answers nil, or {replication id, g, n, m}.
const endLineText = `
local v = redis.call('HMGET', KEYS[1], 'g', 'n', 'm', 'x')
if not v[1] then return false end
if v[4] ~= v[2] then redis.call('HSET', KEYS[1], 'x', v[2]) end
return {string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)'), v[1], v[2], v[3]}`

// seedLineText makes a timeline, if there is none. KEYS line. ARGV g, n, m, how long it stays, and conversations each with its row.
// It answers whether it did.
const seedLineText = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'g', ARGV[1], 'n', ARGV[2], 'm', ARGV[3], 'x', '0')
for i = 5, #ARGV, 1000 do redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`

// rowsText begins the scripts that change rows.
const rowsText = `
local key = KEYS[1]
local head = redis.call('HMGET', key, 'n', 'm', 'x')
if not head[1] then return false end
local n, m, x = tonumber(head[1]), tonumber(head[2]), tonumber(head[3])
local rows, changed = {}, {}
local function row(id)
  local r = rows[id]
  if r then return r end
  r = {0, 0, 0, 0, ''}
  local v = redis.call('HGET', key, id)
  if v then
    local a, b, c, d, later = string.match(v, '^(%d+) (%d+) (%d+) (%d)(.*)$')
    r = {tonumber(a), tonumber(b), tonumber(c), tonumber(d), later}
  end
  rows[id] = r
  return r
end
local function store()
  local put = {'n', string.format('%.0f', n), 'm', string.format('%.0f', m)}
  for id in pairs(changed) do
    local r = rows[id]
    put[#put + 1] = id
    put[#put + 1] = string.format('%.0f %.0f %.0f %d', r[1], r[2], r[3], r[4]) .. r[5]
    if #put >= 1000 then
      redis.call('HSET', key, unpack(put))
      put = {}
    end
  end
  if #put > 0 then redis.call('HSET', key, unpack(put)) end
end
`

// applyLineText applies changes, by rules TML-2, TML-4, TML-6 and TML-9. KEYS line. ARGV of each change: conversation, membership (0
// none, 1 entered, 2 ended), seq, quiet, spare.
// It answers nil where there is no timeline, or the pts of each change; 0 where it was dropped or is quiet, -1 where it was spared.
const applyLineText = rowsText + `
local given = {}
for i = 1, #ARGV, 5 do
  local id, what, seq = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local quiet, spare = ARGV[i + 3] == '1', ARGV[i + 4] == '1'
  local r = row(id)
  local was, p = r[4], 0
  local moved = what ~= '0' and seq > r[2]
  if moved then
    r[2], r[4] = seq, (what == '1') and 1 or 0
    m = m + r[4] - was
  end
  if moved or r[4] == 1 then
    if spare and r[1] > x then
      p = -1
    else
      if not quiet then
        n = n + 1
        r[1], p = n, n
      end
      changed[id] = true
    end
  end
  given[#given + 1] = p
end
if next(changed) then store() end
return given`

// mendLineText brings rows to what the shelf has of them: what a crash or a lost server kept from coming here. KEYS line. ARGV of each row:
// conversation, 1 if a member, seq, version of the settings, and 1 if it is to be a change in any case.
// It answers nil where there is no timeline, or how many rows it changed.
const mendLineText = rowsText + `
local count = 0
for i = 1, #ARGV, 5 do
  local id, current, seq, version = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local there = redis.call('HEXISTS', key, id) == 1
  local r = row(id)
  local behind = ARGV[i + 4] == '1' or version > r[3]
  if not there or seq > r[2] then
    m = m + current - r[4]
    r[2], r[4] = seq, current
    behind = true
  end
  if behind then
    n = n + 1
    r[1], r[3] = n, math.max(r[3], version)
    changed[id] = true
    count = count + 1
  end
end
if count > 0 then store() end
return count`
