#pragma once

#include <chrono>
#include <functional>

namespace nsq::plugin {

/// Calls `call`, which must not throw, on a thread of its own. False when it has not returned after `limit`:
/// the thread goes on, so `call` and all that it refers to must stay until the process ends.
bool returnsWithin(std::chrono::milliseconds limit, std::function<void()> call);

}  // namespace nsq::plugin
