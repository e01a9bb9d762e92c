#pragma once

#include <memory>
#include <string>

#include "net/session_opener.h"
#include "nsq/sdk/protocol.h"

namespace nsq::net {

/// Answers the first bytes of a connection with a V2 error frame, as ProtocolRegistry does for those it does
/// not know, and has it closed.
class RefusingOpener final : public SessionOpener {
public:
    explicit RefusingOpener(std::string error) : error_(std::move(error)) {}

    std::size_t bytesNeeded() const override { return std::tuple_size_v<sdk::Magic>; }
    std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes first) override;

private:
    const std::string error_;
};

}  // namespace nsq::net
