#pragma once

#include <string>

#include "broker/known_topic.h"

namespace nsq::broker {

/// Is told what topics and channels there are, as they come and go, for those that tell others. It gets no
/// list of events but names to look at again (Broker::known): what comes and goes in a moment may be
/// missed, what is there at the end is not. THREAD: any, an event loop too: no call blocks or calls the
/// broker.
class TopicListener {
public:
    /// A topic is about to be made because somebody uses it. True: it keeps its messages back from its
    /// channels until Broker::startTopic() is called for it. A later topic of this name has another identity.
    virtual bool onNewTopic(const std::string& topic, const Identity& identity) = 0;

    /// The topic or a channel of it has come or gone, and the broker shows it so.
    virtual void onChanged(const std::string& topic) = 0;

protected:
    ~TopicListener() = default;
};

}  // namespace nsq::broker
