#pragma once

#include <string>
#include <vector>

namespace nsq::v2 {

/// What a client sends after the magic, and all it must get, as Client::send writes it.
struct Conversation {
    std::string name;
    std::string input;
    std::vector<std::string> output;
    bool closed = false;  ///< the server closes the connection then
};

/// Checks the conversation with its input in one piece, cut in two at every byte, and byte by byte; each with
/// all pieces in one turn and with a turn for each.
void check(const Conversation& conversation);

}  // namespace nsq::v2
