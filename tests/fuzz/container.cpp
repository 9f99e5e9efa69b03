#include "container.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "base/error.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace blindtuner::fuzz {
namespace {

constexpr std::size_t kMost = 0xffff;  // a payload in the target's bytes

struct Frame {
  std::uint32_t tag = 0;
  std::vector<std::uint8_t> payload;
};

template <typename T>
T number_at(Bytes bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <typename T>
void append(std::vector<std::uint8_t>& out, T value) {
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), raw, raw + sizeof value);
}

std::vector<Frame> frames_of(Bytes container) {
  std::vector<Frame> frames;
  for (std::size_t at = kHeaderBytes; at + 8 <= container.size();) {
    const auto length = number_at<std::uint32_t>(container, at);
    const auto tag = number_at<std::uint32_t>(container, at + 4);
    const Bytes payload = container.subspan(at + 8, length);
    frames.push_back({tag, {payload.begin(), payload.end()}});
    at += 8 + length + kDigestBytes;
  }
  return frames;
}

std::vector<std::uint8_t> sealed(const FileHeader& header, const std::vector<Frame>& frames) {
  const HeaderBytes head = encode_header(header);
  std::vector<std::uint8_t> out(head.begin(), head.end());
  std::uint64_t number = 0;
  for (const Frame& frame : frames) {
    const std::size_t begin = out.size();
    append(out, static_cast<std::uint32_t>(frame.payload.size()));
    append(out, frame.tag);
    out.insert(out.end(), frame.payload.begin(), frame.payload.end());
    const FrameDigest digest = frame_digest(head.data() + kHeaderBytes - kDigestBytes, number++,
                                            &out[begin], out.size() - begin);
    out.insert(out.end(), digest.begin(), digest.end());
  }
  return out;
}

// What seal() takes, as frames; `ended`: with the mark of a proper end.
std::vector<Frame> parse(Bytes sections, bool& ended) {
  std::vector<Frame> frames;
  while (sections.size() >= 6) {
    const auto tag = number_at<std::uint32_t>(sections, 0);
    const std::size_t length =
        std::min<std::size_t>(number_at<std::uint16_t>(sections, 4), sections.size() - 6);
    const Bytes payload = sections.subspan(6, length);
    frames.push_back({tag, {payload.begin(), payload.end()}});
    sections = sections.subspan(6 + length);
  }
  ended = !sections.empty() && sections.back() == 'E';
  return frames;
}

std::vector<std::uint8_t> unparse(const std::vector<Frame>& frames, bool ended) {
  std::vector<std::uint8_t> out;
  for (const Frame& frame : frames) {
    Bytes rest = frame.payload;
    do {
      const Bytes part = rest.first(std::min(rest.size(), kMost));
      append(out, frame.tag);
      append(out, static_cast<std::uint16_t>(part.size()));
      out.insert(out.end(), part.begin(), part.end());
      rest = rest.subspan(part.size());
    } while (!rest.empty());
  }
  if (ended) out.push_back('E');
  return out;
}

}  // namespace

std::vector<std::uint8_t> unseal(Bytes container) {
  std::vector<Frame> frames = frames_of(container);
  require(!frames.empty() && frames.back().tag == kEndTag, "unseal: a whole container");
  frames.pop_back();
  return unparse(frames, true);
}

std::vector<std::uint8_t> seal(const FileHeader& header, Bytes sections) {
  bool ended = false;
  std::vector<Frame> frames = parse(sections, ended);
  if (ended) frames.push_back({kEndTag, {}});
  return sealed(header, frames);
}

std::vector<std::uint8_t> patched(Bytes container, Bytes changes) {
  HeaderBytes head;
  std::copy_n(container.begin(), kHeaderBytes, head.begin());
  std::vector<Frame> sections;
  for (Frame& frame : frames_of(container)) {
    if (!sections.empty() && sections.back().tag == frame.tag)
      sections.back().payload.insert(sections.back().payload.end(), frame.payload.begin(),
                                     frame.payload.end());
    else
      sections.push_back(std::move(frame));
  }
  while (changes.size() >= 5) {
    std::vector<std::uint8_t>& payload = sections[changes[0] % sections.size()].payload;
    const std::size_t at =
        (changes[1] | std::size_t{changes[2]} << 8 | std::size_t{changes[3]} << 16) %
        (payload.size() + 1);
    const std::size_t replaced = changes[4] & 15, inserted = changes[4] >> 4;
    changes = changes.subspan(5);
    const Bytes bytes = changes.first(std::min(changes.size(), replaced + inserted));
    changes = changes.subspan(bytes.size());
    const std::size_t over = std::min({replaced, bytes.size(), payload.size() - at});
    std::copy_n(bytes.begin(), over, payload.begin() + static_cast<std::ptrdiff_t>(at));
    payload.insert(payload.begin() + static_cast<std::ptrdiff_t>(at + over),
                   bytes.begin() + static_cast<std::ptrdiff_t>(over), bytes.end());
  }
  std::vector<Frame> frames;
  for (const Frame& section : sections)
    for (std::size_t at = 0; at == 0 || at < section.payload.size(); at += kFrameBytes) {
      const Bytes part =
          Bytes(section.payload).subspan(at, std::min(kFrameBytes, section.payload.size() - at));
      frames.push_back({section.tag, {part.begin(), part.end()}});
    }
  return sealed(decode_header(head, "the template"), frames);
}

std::size_t mutate_sections(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  bool ended = false;
  std::vector<Frame> frames = parse({data, size}, ended);
  if (frames.empty()) return LLVMFuzzerMutate(data, size, most);
  const std::size_t which = below(frames.size());
  std::vector<std::uint8_t>& payload = frames[which].payload;
  switch (below(6)) {
    case 0: {  // within a section, its length kept or not
      const std::size_t before = payload.size();
      payload.resize(before + 64);
      payload.resize(LLVMFuzzerMutate(payload.data(), before, before + 64));
      break;
    }
    case 1:  // a section's head, where numbers and lengths stand
    case 2:
      if (!payload.empty()) {
        constexpr std::uint8_t kExtreme[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};
        for (std::size_t n = 1 + below(4), at = below(std::min<std::size_t>(payload.size(), 80));
             n > 0 && at < payload.size(); --n, ++at)
          payload[at] = kExtreme[below(std::size(kExtreme))];
      }
      break;
    case 3:
      payload.resize(below(payload.size() + 1));
      break;
    case 4:
      std::swap(frames[which], frames[below(frames.size())]);
      break;
    default:
      if (below(2) == 0)
        frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(which));
      else
        frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(which), Frame(frames[which]));
  }
  const std::vector<std::uint8_t> out = unparse(frames, below(8) != 0);
  if (out.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(out.begin(), out.end(), data);
  return out.size();
}

}  // namespace blindtuner::fuzz
