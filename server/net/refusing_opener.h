#pragma once

#include <memory>
#include <string>

#include "net/session_opener.h"
#include "nsq/sdk/protocol.h"

namespace nsq::net {

/// Answers the first bytes of a connection with an error, as ProtocolRegistry does for those it does not
/// know, and has it closed.
class RefusingOpener final : public SessionOpener {
public:
    RefusingOpener(std::string error, ErrorForm form) : error_(std::move(error)), form_(form) {}

    std::size_t bytesNeeded() const override { return std::tuple_size_v<sdk::Magic>; }
    std::unique_ptr<sdk::Session> open(sdk::Connection& connection, sdk::Bytes first) override;

private:
    const std::string error_;
    const ErrorForm form_;
};

}  // namespace nsq::net
