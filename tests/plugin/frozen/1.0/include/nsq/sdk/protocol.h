#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "nsq/sdk/connection.h"
#include "nsq/sdk/session.h"

namespace nsq::sdk {

/// The first 4 bytes of a connection, which choose its protocol.
using Magic = std::array<char, 4>;

/// Makes the sessions of one protocol. Owned by the host from its registration to the plugin's end.
class Protocol {
public:
    virtual ~Protocol() = default;

    /// Short name for logs and lists, such as "V2". Must be a constant.
    virtual std::string_view name() const = 0;

    /// A connection began with this protocol's magic. The session may keep `connection`, which outlives it.
    /// Returning null or throwing closes the connection. THREAD: the connection's loop; several at once.
    virtual std::unique_ptr<Session> createSession(Connection& connection) = 0;
};

}  // namespace nsq::sdk
