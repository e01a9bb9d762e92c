#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cleaner.h"
#include "nsq/sdk/connection.h"
#include "nsq/sdk/host.h"
#include "nsq/sdk/session.h"
#include "registration_db.h"

namespace nsq::lookupd {

/// One nsqd, which says who it is and then what it has. THREAD: the connection's loop.
class V1Session final : public sdk::Session {
public:
    V1Session(sdk::Host& host, RegistrationDb& db, Cleaner& cleaner, sdk::Connection& connection)
        : host_(host), db_(db), cleaner_(cleaner), connection_(connection) {}

    /// All that it registered goes.
    ~V1Session() override;

    std::size_t onData(sdk::Bytes data) override;
    std::size_t maxPending() const override;
    void onOutputDrained() override;
    bool onInputEnd() override;
    void onTlsFailed(std::string_view reason) override;
    void describe(sdk::ClientStats& stats) const override;

private:
    /// What the next bytes are.
    enum class Expected { kMagic, kCommand, kBody };

    /// The parameters of REGISTER and UNREGISTER.
    struct Names {
        std::string_view topic;
        std::string_view channel;  ///< may be empty
    };

    std::size_t next(sdk::Bytes data);
    std::size_t readLine(sdk::Bytes data);
    void execute(std::string_view line);
    void ping();
    std::size_t readBody(sdk::Bytes data);
    void identify(std::string_view body);
    std::string serverText() const;
    void registerFor(std::string_view line);
    void unregisterFrom(std::string_view line);
    bool readNames(std::string_view line, Names& names);
    void endInput();
    void answer(std::string_view text);
    void refuse(std::string_view code, std::string_view description, std::string_view detail = {});

    sdk::Host& host_;
    RegistrationDb& db_;
    Cleaner& cleaner_;
    sdk::Connection& connection_;
    Expected expected_ = Expected::kMagic;
    PeerPtr peer_;              ///< null: it has not said who it is
    std::size_t left_ = 0;      ///< bytes that onData left
    bool waiting_ = false;      ///< until the client has taken its answers
    bool startingTls_ = false;  ///< what follows goes through TLS
    bool inputEnded_ = false;
    bool closed_ = false;
};

}  // namespace nsq::lookupd
