#pragma once

#include <memory>
#include <string_view>

#include "cleaner.h"
#include "nsq/sdk/host.h"
#include "nsq/sdk/protocol.h"
#include "registration_db.h"

namespace nsq::lookupd {

/// What nsqd speaks with nsqlookupd.
class V1Protocol final : public sdk::Protocol {
public:
    static constexpr sdk::Magic kMagic{' ', ' ', 'V', '1'};

    /// All of them outlive the protocol's sessions.
    V1Protocol(sdk::Host& host, RegistrationDb& db, Cleaner& cleaner)
        : host_(host), db_(db), cleaner_(cleaner) {}

    std::string_view name() const override { return "V1"; }

    /// THREAD: the connection's loop; several at once.
    std::unique_ptr<sdk::Session> createSession(sdk::Connection& connection) override;

private:
    sdk::Host& host_;
    RegistrationDb& db_;
    Cleaner& cleaner_;
};

}  // namespace nsq::lookupd
