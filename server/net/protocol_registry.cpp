#include "net/protocol_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "net/error_frame.h"

namespace nsq::net {

namespace {

std::string printable(const sdk::Magic& magic) {
    std::string text;
    for (const char c : magic) {
        if (c >= ' ' && c <= '~') {
            text += c;
        } else {
            text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
    return text;
}

}  // namespace

sdk::Result<void> ProtocolRegistry::add(sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol) {
    const auto [found, isNew] = protocols_.try_emplace(magic, protocol);
    if (isNew) return {};
    return sdk::Error{sdk::ErrorCode::kInvalid,
                      fmt::format("protocol {} wants the magic \"{}\", which protocol {} has already",
                                  protocol->name(), printable(magic), found->second->name())};
}

std::vector<ProtocolRegistry::Entry> ProtocolRegistry::list() const {
    std::vector<Entry> entries;
    for (const auto& [magic, protocol] : protocols_) entries.push_back({magic, protocol->name()});
    return entries;
}

std::unique_ptr<sdk::Session> ProtocolRegistry::open(sdk::Connection& connection, sdk::Bytes first) {
    sdk::Magic magic;
    std::ranges::copy(sdk::asText(first).substr(0, magic.size()), magic.begin());
    const auto found = protocols_.find(magic);
    if (found != protocols_.end()) return found->second->createSession(connection);
    writeError(connection.output(), errorForm_, "E_BAD_PROTOCOL");
    return nullptr;
}

}  // namespace nsq::net
