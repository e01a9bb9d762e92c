#include "plugin/timed_call.h"

#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace nsq::plugin {

bool returnsWithin(std::chrono::milliseconds limit, std::function<void()> call) {
    const auto task = std::make_shared<std::packaged_task<void()>>(std::move(call));
    const std::future<void> returned = task->get_future();
    std::thread thread;
    try {
        thread = std::thread([task] { (*task)(); });
    } catch (const std::system_error&) {
        (*task)();  // no thread to be had: better without a limit than not at all
        return true;
    }
    if (returned.wait_for(limit) == std::future_status::ready) {
        thread.join();
        return true;
    }
    thread.detach();
    return false;
}

}  // namespace nsq::plugin
