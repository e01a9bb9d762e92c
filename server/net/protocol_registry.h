#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "net/session_opener.h"
#include "nsq/sdk/protocol.h"
#include "nsq/sdk/result.h"

namespace nsq::net {

/// Which protocol a connection's first 4 bytes ask for. A connection with other bytes gets the error
/// E_BAD_PROTOCOL. THREAD: main for add, before there are connections; then any.
class ProtocolRegistry final : public SessionOpener {
public:
    struct Entry {
        sdk::Magic magic;
        std::string_view protocol;  ///< its name
    };

    explicit ProtocolRegistry(ErrorForm errorForm = ErrorForm::kFrame) : errorForm_(errorForm) {}

    /// kInvalid: the magic is taken, the text says by which protocol. `owner`, whose code the protocol is,
    /// outlives the registry.
    sdk::Result<void> add(sdk::Magic magic, std::shared_ptr<sdk::Protocol> protocol,
                          faults::CodeOwner* owner = nullptr);

    /// All of them, sorted by magic.
    std::vector<Entry> list() const;

    std::size_t bytesNeeded() const override { return std::tuple_size_v<sdk::Magic>; }
    std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes first) override;
    faults::CodeOwner* ownerOf(sdk::Bytes first) const override;
    ErrorForm errorForm() const override { return errorForm_; }

private:
    struct Registered {
        std::shared_ptr<sdk::Protocol> protocol;
        faults::CodeOwner* owner;
    };

    const Registered* find(sdk::Bytes first) const;

    const ErrorForm errorForm_;
    std::map<sdk::Magic, Registered> protocols_;
};

}  // namespace nsq::net
