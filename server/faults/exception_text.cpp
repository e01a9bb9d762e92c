#include "faults/exception_text.h"

#include <Poco/Exception.h>

#include <algorithm>
#include <exception>

namespace nsq::faults {

std::string oneLine(std::string_view text) {
    constexpr std::size_t kMaxBytes = 1000;
    std::string line(text.substr(0, kMaxBytes));
    std::ranges::replace_if(
        line, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

std::string exceptionText() {
    try {
        throw;
    } catch (const Poco::Exception& e) {
        return oneLine(e.displayText());
    } catch (const std::exception& e) {
        return oneLine(e.what());
    } catch (...) {
        return "an exception of unknown type";
    }
}

}  // namespace nsq::faults
