// What systemd is told of a service's state (sd_notify(3)), without its library: a datagram to the
// socket that it names. Where there is none, nothing happens.
#pragma once

#include <string_view>

namespace conduit::cluster {

// "READY=1", "STOPPING=1", "STATUS=…"; several on lines of their own.
void tell_service_manager(std::string_view state);

}  // namespace conduit::cluster
