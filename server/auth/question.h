#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "faults/calling.h"
#include "nsq/sdk/authorizer.h"

namespace nsq::auth {

/// One request, between the loop that made it and the thread that answers it.
class Question final : public sdk::LoopTask, public std::enable_shared_from_this<Question> {
public:
    Question(sdk::Credentials credentials, sdk::Loop& loop, sdk::AuthorizationListener& listener)
        : credentials_(std::move(credentials)), loop_(loop), listener_(listener) {}

    const sdk::Credentials& credentials() const { return credentials_; }

    /// When it was asked.
    sdk::Clock::time_point since() const { return since_; }

    /// Sends the answer to the listener, unless the question was taken back. Once. THREAD: any.
    void answer(sdk::Result<sdk::AuthorizationPtr> answer);

    /// The listener is not called any more. THREAD: the loop.
    void takeBack();

    bool isTakenBack() const;  ///< THREAD: any

    void run() override;

private:
    const sdk::Credentials credentials_;
    const sdk::Clock::time_point since_ = sdk::Clock::now();
    sdk::Loop& loop_;  ///< only until it is taken back, like the listener
    sdk::AuthorizationListener& listener_;
    const faults::Caller caller_ = faults::currentCaller();

    mutable std::mutex mutex_;  ///< guards the rest
    bool takenBack_ = false;
    std::optional<sdk::Result<sdk::AuthorizationPtr>> answer_;
};

}  // namespace nsq::auth
