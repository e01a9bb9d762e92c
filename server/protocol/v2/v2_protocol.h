#pragma once

#include "nsq/sdk/host.h"
#include "nsq/sdk/protocol.h"

namespace nsq::v2 {

/// NSQ's client protocol, which begins with kMagic.
class V2Protocol final : public sdk::Protocol {
public:
    static constexpr sdk::Magic kMagic{' ', ' ', 'V', '2'};

    /// `host` outlives the protocol and its sessions.
    explicit V2Protocol(sdk::Host& host) : host_(host) {}

    std::string_view name() const override { return "V2"; }

    /// THREAD: the connection's loop; several at once.
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override;

private:
    sdk::Host& host_;
};

}  // namespace nsq::v2
