-- Shares, each of another visitor. Arguments: a seed, and a file with one id of an article a line.
local ids, seed, number = {}, nil, 0

init = function(args)
  seed = args[1]
  for id in io.lines(args[2]) do ids[#ids + 1] = id end
end

request = function()
  number = number + 1
  local browser = string.format("Mozilla/5.0 (X11; rv:%s.%d) Firefox", seed, number)
  return wrk.format("GET", "/s/facebook/" .. ids[number % #ids + 1], {["User-Agent"] = browser})
end
