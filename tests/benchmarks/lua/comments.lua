-- New comments, no two of one text. Arguments: the id of the article, a seed, and a file with one text a line.
local texts, article, seed, number = {}, nil, nil, 0

init = function(args)
  article, seed = args[1], args[2]
  for line in io.lines(args[3]) do texts[#texts + 1] = line end
end

request = function()
  number = number + 1
  local text = texts[number % #texts + 1]
  local body = string.format(
    '{"article": %s, "author": {"name": "Reader %d"}, "body": "%s %s-%d"}', article, number % 50, text, seed, number)
  return wrk.format("POST", "/api/v1/comments", {["Content-Type"] = "application/json"}, body)
end
