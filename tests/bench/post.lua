-- For wrk: posts a body of as many lines as the first argument says, of as many bytes as the second.
function init(args)
    local line = string.rep("x", tonumber(args[2]))
    local lines = {}
    for i = 1, tonumber(args[1]) do lines[i] = line end
    wrk.method = "POST"
    wrk.body = table.concat(lines, "\n")
end
