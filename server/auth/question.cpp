#include "auth/question.h"

#include <utility>

namespace nsq::auth {

void Question::answer(sdk::Result<sdk::AuthorizationPtr> answer) {
    // Posted under the lock: once the question is taken back the loop may be gone.
    const std::lock_guard lock(mutex_);
    if (takenBack_) return;
    answer_ = std::move(answer);
    loop_.post(*this);
}

void Question::takeBack() {
    {
        const std::lock_guard lock(mutex_);
        takenBack_ = true;
    }
    loop_.cancel(*this);
}

bool Question::isTakenBack() const {
    const std::lock_guard lock(mutex_);
    return takenBack_;
}

void Question::run() {
    const auto self = shared_from_this();  // the listener may let go of it
    std::optional<sdk::Result<sdk::AuthorizationPtr>> answer;
    {
        const std::lock_guard lock(mutex_);
        answer = std::exchange(answer_, std::nullopt);
    }
    faults::callListener(loop_, caller_, listener_, "onAuthorization",
                         [&] { listener_.onAuthorization(std::move(*answer)); });
}

}  // namespace nsq::auth
