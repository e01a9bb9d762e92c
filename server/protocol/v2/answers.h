#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "nsq/sdk/connection.h"

namespace nsq::v2 {

/// Writes a client's answers in the order of its commands. A publish owes its answer until its outcome comes;
/// what is answered after it is held back until then. THREAD: the connection's loop.
class Answers {
public:
    explicit Answers(sdk::Connection& connection) : connection_(connection) {}

    void respond(std::string_view text);
    void refuse(std::string_view text);

    /// A publish was accepted: its OK is owed.
    void owe() { ++owed_; }
    std::size_t owed() const { return owed_; }

    /// `count` of the owed OKs are due. After the last of them comes what was held back.
    void pay(std::size_t count);

    /// The oldest owed answer is an error: it takes the place of all that is owed and held.
    void payWithError(std::string_view text);

    /// Something waits for an owed answer.
    bool holding() const { return !held_.empty(); }

    /// Writes a heartbeat, which is nobody's answer.
    void heartbeat();

private:
    void write(std::int32_t type, std::string_view text);

    sdk::Connection& connection_;
    std::size_t owed_ = 0;
    std::string held_;  ///< whole frames
};

}  // namespace nsq::v2
