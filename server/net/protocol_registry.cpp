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

sdk::Result<void> ProtocolRegistry::add(sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol,
                                        faults::CodeOwner* owner) {
    const auto [found, isNew] = protocols_.try_emplace(magic, Registered{protocol, owner});
    if (isNew) return {};
    return sdk::Error{sdk::ErrorCode::kInvalid,
                      fmt::format("protocol {} wants the magic \"{}\", which protocol {} has already",
                                  protocol->name(), printable(magic), found->second.protocol->name())};
}

std::vector<ProtocolRegistry::Entry> ProtocolRegistry::list() const {
    std::vector<Entry> entries;
    for (const auto& [magic, registered] : protocols_)
        entries.push_back({magic, registered.protocol->name()});
    return entries;
}

std::unique_ptr<sdk::Session> ProtocolRegistry::open(sdk::Connection& connection, sdk::Bytes first) {
    if (const Registered* found = find(first)) return found->protocol->createSession(connection);
    writeError(connection.output(), errorForm_, "E_BAD_PROTOCOL");
    return nullptr;
}

faults::CodeOwner* ProtocolRegistry::ownerOf(sdk::Bytes first) const {
    const Registered* found = find(first);
    return found == nullptr ? nullptr : found->owner;
}

const ProtocolRegistry::Registered* ProtocolRegistry::find(sdk::Bytes first) const {
    sdk::Magic magic;
    std::ranges::copy(sdk::asText(first).substr(0, magic.size()), magic.begin());
    const auto found = protocols_.find(magic);
    return found == protocols_.end() ? nullptr : &found->second;
}

}  // namespace nsq::net
