#include "nsq/sdk/http.h"

#include <algorithm>

namespace nsq::sdk {

namespace {

const std::string* firstNamed(const std::vector<std::pair<std::string, std::string>>& pairs,
                              std::string_view name) {
    const auto found = std::ranges::find(pairs, name, &std::pair<std::string, std::string>::first);
    return found == pairs.end() ? nullptr : &found->second;
}

}  // namespace

const std::string* HttpRequest::queryValue(std::string_view name) const {
    return firstNamed(query, name);
}

const std::string* HttpRequest::header(std::string_view name) const {
    return firstNamed(headers, name);
}

}  // namespace nsq::sdk
