#include "app/report/html_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "app/common/report.h"
#include "app/report/html_style.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/utf8.h"

namespace blindtuner::app {
namespace {

using nlohmann::json;

// Names come from file systems and tables: what is not UTF-8, and what would turn or steer the line that
// it is in, becomes U+FFFD.
std::string escape(std::string_view text) {
  std::u32string points = decode_utf8_leniently(text);
  std::replace_if(
      points.begin(), points.end(),
      [](char32_t point) { return steers_display(point) && point != U'\n' && point != U'\t'; },
      U'\ufffd');
  std::string out;
  for (const char c : encode_utf8(points)) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string text_of(const json& value) {
  if (value.is_string()) return escape(value.get<std::string>());
  return escape(json_text(value));
}

std::string number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}
std::string general(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}
// On a narrow screen cells break between words, and not within this.
std::string percent(double share) { return number(100 * share, 2) + "&nbsp;%"; }

/// A member that is a number, or NaN.
double real(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>()
                                                     : std::numeric_limits<double>::quiet_NaN();
}
bool has(const json& object, const char* key) { return object.contains(key); }

std::string heading(const std::string& text) { return "<h2>" + text + "</h2>\n"; }

std::string card(const std::string& value, const std::string& what) {
  return "<div class=card><b>" + value + "</b><span>" + what + "</span></div>\n";
}

std::string row(const std::vector<std::string>& cells, const char* tag = "td") {
  std::string out = "<tr>";
  for (const std::string& cell : cells)
    out += std::string("<") + tag + ">" + cell + "</" + tag + ">";
  return out + "</tr>\n";
}

std::string table(const std::vector<std::string>& head, const std::string& body) {
  return "<div class=scroll><table>" +
         (head.empty() ? "" : "<thead>" + row(head, "th") + "</thead>") + "<tbody>\n" + body +
         "</tbody></table></div>\n";
}

std::string overview(const json& r) {
  std::string out = "<div class=cards>\n";
  if (has(r, "accuracy_encrypted"))
    out += card(percent(real(r, "accuracy_encrypted")), "test accuracy, trained on ciphertexts");
  else if (has(r, "accuracy"))
    out += card(percent(real(r, "accuracy")), "accuracy");
  if (has(r, "accuracy_plain"))
    out += card(percent(real(r, "accuracy_plain")), "the same training in the clear");
  if (has(r, "balanced_accuracy"))
    out += card(percent(real(r, "balanced_accuracy")), "balanced accuracy");
  if (has(r, "macro_f1")) out += card(number(real(r, "macro_f1"), 4), "macro F1");
  if (has(r, "max_logit")) out += card(number(real(r, "max_logit"), 2), "largest |logit|");
  if (has(r, "seconds") && has(r["seconds"], "total"))
    out += card(duration_text(real(r["seconds"], "total")), "from features to evaluation");
  if (has(r, "bytes") && has(r["bytes"], "upload"))
    out += card(bytes_text(real(r["bytes"], "upload")), "encrypted data set");
  return out + "</div>\n";
}

std::string compared(const json& r) {
  if (!has(r, "accuracy_plain")) return "";
  std::string body;
  const auto line = [&](const std::string& name, const char* accuracy, const std::string& suffix) {
    if (!has(r, accuracy)) return;
    const std::string balanced = "balanced_accuracy" + suffix, f1 = "macro_f1" + suffix;
    body += row({name, percent(real(r, accuracy)),
                 has(r, balanced.c_str()) ? percent(real(r, balanced.c_str())) : "",
                 has(r, f1.c_str()) ? number(real(r, f1.c_str()), 4) : ""});
  };
  line("on ciphertexts", "accuracy_encrypted", "");
  if (has(r, "published") && has(r.at("published"), "accuracy")) {
    const json& shared = r.at("published");
    body += row({"on ciphertexts, as published", percent(real(shared, "accuracy")),
                 percent(real(shared, "balanced_accuracy")), number(real(shared, "macro_f1"), 4)});
  }
  line("in the clear, same " + head_of(r) + " circuit", "accuracy_plain_approx", "_plain_approx");
  line("in the clear, exact " + head_of(r), "accuracy_plain", "_plain");
  return heading("Encrypted against plain") +
         "<p>The same algorithm on the same samples, three times.</p>\n" +
         table({"training", "test accuracy", "balanced accuracy", "macro F1"}, body);
}

/// A table of counts, or above kMostCells classes one coloured square a cell.
constexpr std::size_t kMostCells = 25;

std::string matrix(const json& r) {
  if (!has(r, "confusion")) return "";
  const json &counts = r["confusion"], &names = r["class_names"];
  std::string out = heading("Confusion matrix") +
                    "<p class=dim>Rows: what a sample is. Columns: what it was taken for. Colour: "
                    "share of the row.</p>\n";
  const std::size_t n = counts.size();
  const auto share = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (const json& count : counts[i]) sum += count.get<double>();
    return sum == 0 ? 0.0 : counts[i][j].get<double>() / sum;
  };
  if (n <= kMostCells) {
    out += "<div class=scroll><table class=matrix><thead><tr><th></th>";
    for (const json& name : names) out += "<th><span>" + text_of(name) + "</span></th>";
    out += "</tr></thead><tbody>\n";
    for (std::size_t i = 0; i < n; ++i) {
      out += "<tr><th>" + text_of(names[i]) + "</th>";
      for (std::size_t j = 0; j < n; ++j)
        out += "<td style=\"background:rgba(var(--cell)," + number(0.75 * share(i, j), 3) + ")\">" +
               text_of(counts[i][j]) + "</td>";
      out += "</tr>\n";
    }
    return out + "</tbody></table></div>\n";
  }
  const std::string side = std::to_string(n);
  out +=
      "<svg class=heat style=\"max-width:40rem\" role=img aria-label=\"confusion matrix\" "
      "viewBox=\"0 0 " +
      side + " " + side + "\">";
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (counts[i][j] == 0) continue;
      out += "<rect x=" + std::to_string(j) + " y=" + std::to_string(i) +
             " width=1 height=1 opacity=" + number(std::max(0.06, share(i, j)), 3) + "><title>" +
             text_of(names[i]) + " taken for " + text_of(names[j]) + ": " + text_of(counts[i][j]) +
             "</title></rect>";
    }
  return out + "</svg>\n";
}

std::string classes(const json& r) {
  if (!has(r, "per_class")) return "";
  const auto figure = [](double value, const std::string& text) {
    return std::isnan(value) ? "-" : text;
  };
  std::string body;
  for (const json& c : r["per_class"]) {
    const double precision = real(c, "precision"), recall = real(c, "recall"), f1 = real(c, "f1");
    body += row({text_of(c["name"]), text_of(c["samples"]), figure(precision, percent(precision)),
                 figure(recall, percent(recall)), figure(f1, number(f1, 4))});
  }
  return heading("Classes") + table({"class", "test samples", "precision", "recall", "F1"}, body);
}

/// One member of the rounds against steps done, encrypted and plain.
struct Chart {
  const char* title;
  const char* key;
  double unit;  ///< what values are multiplied with
  int digits;
  double span;  ///< the axis has this much at least, so that its marks differ
  double most = std::numeric_limits<double>::infinity();  ///< of what can be
};

std::string chart(const json& rounds, int best, const Chart& what) {
  constexpr double kWidth = 460, kHeight = 250, kLeft = 62, kRight = 12, kTop = 10, kBottom = 44;
  struct Point {
    double x, y;
    int round;
  };
  std::vector<Point> series[2];
  double low = std::numeric_limits<double>::infinity(), high = -low, last = 1;
  for (const json& round : rounds)
    for (int s = 0; s < 2; ++s) {
      const json* from = s == 0 ? &round : round.contains("plain") ? &round["plain"] : nullptr;
      const double value = from == nullptr ? NAN : what.unit * real(*from, what.key);
      if (!std::isfinite(value)) continue;
      const double steps = real(round, "steps");
      series[s].push_back({steps, value, round["round"].get<int>()});
      low = std::min(low, value);
      high = std::max(high, value);
      last = std::max(last, steps);
    }
  if (!(low <= high)) return "";
  const double room = std::max(0.08 * (high - low), (what.span - (high - low)) / 2);
  // Beyond what can be, the room is at the other end.
  high = std::min(high + room, what.most);
  low = std::max(0.0, std::min(low - room, high - what.span));
  high = std::max(high, low + what.span);
  const auto x = [&](double v) { return kLeft + (kWidth - kLeft - kRight) * v / last; };
  const auto y = [&](double v) {
    return kTop + (kHeight - kTop - kBottom) * (high - v) / (high - low);
  };
  std::string out = std::string("<figure><figcaption>") + what.title +
                    "</figcaption><svg role=img " + "aria-label=\"" + what.title +
                    "\" viewBox=\"0 0 460 250\">";
  for (int i = 0; i <= 4; ++i) {
    const double v = low + (high - low) * i / 4;
    out += "<line class=grid x1=62 x2=448 y1=" + number(y(v), 1) + " y2=" + number(y(v), 1) +
           " /><text x=56 y=" + number(y(v) + 5, 1) + " text-anchor=end>" + number(v, what.digits) +
           "</text>";
  }
  // At most eight ticks, on whole steps.
  const int every = std::max(1, static_cast<int>(std::ceil(last / 8)));
  for (int t = 0; t <= static_cast<int>(last); t += every)
    out +=
        "<text x=" + number(x(t), 1) + " y=226 text-anchor=middle>" + std::to_string(t) + "</text>";
  out += "<text x=448 y=246 text-anchor=end>steps</text>";
  for (int s = 1; s >= 0; --s) {
    const std::string index = std::to_string(s);
    std::string points;
    for (const Point& p : series[s]) points += number(x(p.x), 1) + "," + number(y(p.y), 1) + " ";
    out += "<polyline class=s" + index + " points=\"" + points + "\" />";
    for (const Point& p : series[s]) {
      const std::string at = " cx=" + number(x(p.x), 1) + " cy=" + number(y(p.y), 1);
      out += "<circle class=p" + index + at + " r=3><title>" + number(p.y, what.digits + 1) +
             "</title></circle>";
      if (s == 0 && p.round == best) out += "<circle class=best" + at + " r=7 />";
    }
  }
  return out + "</svg></figure>\n";
}

std::string rounds(const json& r) {
  if (!has(r, "rounds") || r["rounds"].empty()) return "";
  const json& all = r["rounds"];
  int best = 0;
  std::string out = heading("Rounds of validation"), said;
  if (has(r, "validation")) {
    const json& v = r["validation"];
    best = v.value("best_round", 0);
    said = "The server sent " + std::to_string(all.size()) + " rounds of encrypted scores";
    if (has(v, "samples")) said += " of " + text_of(v["samples"]) + " samples";
    const bool stopped = v.value("stopped_early", false);
    if (has(v, "votes"))
      said += stopped ? "; the owners' votes stopped it. " : "; it went through. ";
    else
      said += stopped ? "; the owner stopped it. " : "; the owner did not stop it. ";
    said += "The model is that of round " + std::to_string(best) + ", circled.";
    if (has(v, "balance"))
      said += " Loss and accuracy are balanced as the model is, by --balanced " +
              number(real(v, "balance"), 2) + ".";
    if (has(v, "note")) said += " Note: " + text_of(v["note"]) + ".";
  }
  out += "<p>" + said + "</p>\n";
  // Owners of a study have no training in the clear to compare with.
  if (has(all.front(), "plain"))
    out +=
        "<p class=legend><span><i class=\"key k0\"></i>on ciphertexts</span>"
        "<span><i class=\"key k1\"></i>in the clear, exact " +
        head_of(r) + "</span></p>\n";
  out += "<div class=charts>\n";
  out += chart(all, best, {"Validation loss", "loss", 1, 3, 0.02});
  out += chart(all, best, {"Validation accuracy, %", "accuracy", 100, 1, 2, 100});
  out += chart(all, best, {"Largest |logit|", "max_logit", 1, 1, 2});
  return out + "</div>\n";
}

/// Parts of a whole as one bar and a table; parts below `least` of the whole are in the table only.
std::string parts(const std::vector<std::pair<std::string, double>>& list, double total) {
  std::string bar = "<div class=bar>", body;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& [name, seconds] = list[i];
    std::string key = "k0";  // a colour
    key.back() = static_cast<char>('0' + std::min<std::size_t>(i, 6));
    bar += "<i class=" + key + " style=\"width:" + number(100 * seconds / total, 2) +
           "%\" title=\"" + name + ": " + duration_text(seconds) + "\"></i>";
    body += row({"<i class=\"key " + key + "\"></i>" + name, duration_text(seconds),
                 number(100 * seconds / total, 1) + " %"});
  }
  return bar + "</div>\n" + table({}, body);
}

std::string in_words(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  return escape(key);
}

std::string times(const json& r) {
  if (!has(r, "seconds") || !r["seconds"].is_object()) return "";
  const double total = real(r["seconds"], "total");
  if (!(total > 0)) return "";
  std::vector<std::pair<std::string, double>> phases;
  double sum = 0;
  for (const auto& [key, value] : r["seconds"].items()) {
    if (key == "total" || !value.is_number()) continue;
    phases.emplace_back(in_words(key), value.get<double>());
    sum += value.get<double>();
  }
  std::stable_sort(phases.begin(), phases.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (total - sum > 0.005 * total) phases.emplace_back("rest", total - sum);
  std::string out = heading("Where the time went") + parts(phases, total);

  if (!has(r, "seconds_per_step") || r["seconds_per_step"].empty()) return out;
  // As reports call them; the head's own part has had the name of the first head.
  const char* keys[] = {"weights", "scores", "bootstrap", "softmax", "slot_to_coeff", "gradient"};
  std::vector<std::pair<std::string, double>> of_steps;
  double whole = 0;
  for (const char* key : keys) {
    double seconds = 0;
    for (const json& step : r["seconds_per_step"]) seconds += std::max(0.0, real(step, key));
    const bool is_head = std::string_view(key) == "softmax";
    of_steps.emplace_back(is_head ? escape(head_of(r)) : in_words(key), seconds);
    whole += seconds;
  }
  if (!(whole > 0)) return out;
  return out + "<p>The server's " + std::to_string(r["seconds_per_step"].size()) +
         " steps, by their parts:</p>\n" + parts(of_steps, whole);
}

std::string sizes(const json& r) {
  std::string body;
  if (has(r, "bytes") && r["bytes"].is_object())
    for (const auto& [key, value] : r["bytes"].items())
      if (value.is_number() && value.get<double>() > 0)
        body += row({in_words(key), bytes_text(value.get<double>())});
  if (has(r, "peak_memory_bytes") && r["peak_memory_bytes"].is_object())
    for (const auto& [key, value] : r["peak_memory_bytes"].items())
      body += row({"memory, " + in_words(key), bytes_text(value.get<double>())});
  return body.empty() ? "" : heading("Sizes") + table({}, body);
}

std::string parameters(const json& r) {
  if (!has(r, "parameters")) return "";
  const json& p = r["parameters"];
  std::string body;
  for (const json& key : p["keys"]) {
    const int bits = key.value("security_bits", 0);
    body +=
        row({text_of(key["keys"]), "2<sup>" + text_of(key["log_n"]) + "</sup>",
             text_of(key["secret"]), text_of(key["log2_qp"]), text_of(key["log2_qp_at_128_bits"]),
             bits >= 128 ? "128 bits or more" : "<b>insecure: for tests only</b>"});
  }
  return heading("Encryption parameters: " + text_of(p["name"])) +
         table({"keys", "dimension", "secret", "log2 QP", "bound for 128 bits", "security"}, body);
}

constexpr char kHowTried[] =
    "was tried in the clear on parts of the training set, scored on samples that it had not seen: "
    "on five parts, or fewer where it was clearly worse than another. Of those that are as good as "
    "the best the quickest to train on ciphertexts was taken (bold); the test set had no part in "
    "it.</p>\n";

/// A line a trial.
std::string trials(const json& choice, const std::string& what) {
  std::string body;
  for (const json& trial : choice["trials"]) {
    const std::string name = trial["way"] == choice["way"] ? "<b>" + text_of(trial["way"]) + "</b>"
                                                           : text_of(trial["way"]);
    if (!trial.value("in_range", false)) {
      body += row({name, "logits out of range", "", "", "", "", ""});
      continue;
    }
    body += row({name, percent(real(trial, "accuracy")), percent(real(trial, "balanced_accuracy")),
                 number(real(trial, "macro_f1"), 4), number(real(trial, "max_logit"), 2),
                 text_of(trial["held_out"]),
                 has(trial, "seconds") ? duration_text(real(trial, "seconds")) : ""});
  }
  // What poolings cost is not forecast.
  const bool timed = has(choice["trials"][0], "seconds");
  return table({what, "accuracy", "balanced accuracy", "macro F1", "largest |logit|", "parts",
                timed ? "on ciphertexts, estimated" : ""},
               body);
}

/// Which of an encoder's tokens features are of.
std::string pooling_choice(const json& r) {
  if (!has(r, "pooling_choice") || r["pooling_choice"]["trials"].empty()) return "";
  return heading("How the pooling was chosen") +
         "<p>Each choice of the encoder's tokens as features " + kHowTried +
         trials(r["pooling_choice"], "pooling");
}

/// What `auto` tried, on parts of the training set.
std::string choice(const json& r) {
  if (!has(r, "choice") || r["choice"]["trials"].empty()) return "";
  const json& choice = r["choice"];
  std::string ways = heading("How the settings were chosen") + "<p>Each way to train " + kHowTried +
                     trials(choice, "way");
  // Of heads whose scores are logarithms of odds alone.
  if (!has(choice, "balance")) return ways;
  std::string strengths;
  for (const json& balance : choice["balance"])
    strengths += row(
        {"--balanced " + number(real(balance, "strength"), 2), percent(real(balance, "accuracy")),
         percent(real(balance, "balanced_accuracy")), number(real(balance, "macro_f1"), 4)});
  return ways +
         "<p>The same with classes of different sizes made to count alike after training:</p>\n" +
         table({"", "accuracy", "balanced accuracy", "macro F1"}, strengths);
}

std::string settings(const json& r) {
  if (!has(r, "config")) return "";
  return heading("Training settings") +
         "<details><summary>hyper-parameters, which the server "
         "knows</summary><pre>" +
         escape(json_text(r["config"], 2)) + "</pre></details>\n";
}

/// What figures do not say: as quality_report() and comparisons of test sets have it.
std::string remarks(const json& r) {
  std::string out;
  for (const json& note : r.value("notes", json::array())) out += "<li>" + text_of(note) + ".</li>";
  return out.empty() ? "" : "<ul>" + out + "</ul>\n";
}

std::string names(const json& list) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i)
    out += (i == 0 ? "" : i + 1 < list.size() ? ", " : " and ") + text_of(list[i]);
  return out;
}

/// What an owner of a study has of it (party/owner/study/gain.h).
std::string gain(const json& r) {
  if (!has(r, "owners")) return "";
  const std::size_t without = has(r, "without") ? r.at("without").size() : 0;
  const std::string absent = without > 0 ? " (without " + names(r.at("without")) + ")" : "";
  std::string out =
      "<p>Trained on ciphertexts of " + text_of(r.at("rows")) + " rows of " +
      std::to_string(r.at("owners").size() - without) + " owners" + absent + ", " +
      text_of(r.at("own_rows")) + " of them this owner's, in " + text_of(r.at("steps")) +
      " steps. Each share has noise of " + general(real(r, "noise")) +
      " a number; what left here tells at most " + general(real(r, "bits")) +
      " bits about this owner's key, if all owners' rows are of the sizes that they said.</p>\n";
  if (has(r, "opened_by")) out += "<p>Opened by " + names(r.at("opened_by")) + ".</p>\n";
  if (has(r, "matching")) {
    const json& m = r.at("matching");
    out += "<p>Rows were matched by their identifiers: " + text_of(m.at("used")) +
           " of this owner's " + text_of(m.at("given")) + " are at all owners. Left out were " +
           text_of(m.at("not_at_all_owners")) + " that are not, and " +
           text_of(m.at("without_identifier")) + " without an identifier.</p>\n";
  }
  if (!has(r, "together")) return out;
  const auto line = [](const std::string& name, const json& quality) {
    return row({name, percent(real(quality, "accuracy")),
                percent(real(quality, "balanced_accuracy")), number(real(quality, "macro_f1"), 4)});
  };
  const json &together = r.at("together"), &alone = r.at("alone");
  out +=
      heading("What this owner gained") + "<p>Judged on " + text_of(r.at("judged_rows")) +
      (r.at("held_out") != true
           ? " rows of its own" +
                 std::string(r.value("left_out", false) ? "" : " that were trained on")
       : r.value("known_rows", 0ULL) > 0
           ? " test rows of its own, " + text_of(r.at("known_rows")) + " of which it has trained on"
           : " test rows of its own, none of which it has trained on") +
      ".</p>\n" +
      table({"trained on", "accuracy", "balanced accuracy", "macro F1"},
            (alone.is_null() ? row({"its own rows alone, in the clear", "", "", ""})
                             : line("its own rows alone, in the clear", alone)) +
                line("all owners&#39; rows, on ciphertexts", together));
  if (has(r, "macro_f1_of") && r.at("macro_f1_of").size() < r.at("own_classes").size())
    out += "<p>Macro F1, of both, is of the classes that are among these rows: " +
           names(r.at("macro_f1_of")) + ".</p>\n";
  if (alone.is_null())
    out += "<p>Its own rows alone train nothing: " + text_of(r.at("alone_reason")) + ".</p>\n";
  const auto found = [](const json& of) {
    return of.at("samples") == 0 ? "-" : percent(real(of, "recall"));
  };
  std::string body;
  for (std::size_t k = 0; k < r.at("own_classes").size(); ++k)
    body += row({text_of(r.at("own_classes").at(k).at("name")),
                 r.at("own_classes").at(k).at("own_rows") == 0
                     ? "<b>none</b>"
                     : text_of(r.at("own_classes").at(k).at("own_rows")),
                 text_of(together.at("per_class").at(k).at("samples")),
                 alone.is_null() ? "" : found(alone.at("per_class").at(k)),
                 found(together.at("per_class").at(k))});
  return out +
         table({"class", "its training rows", "judged rows", "found alone", "found together"},
               body) +
         remarks(together) + matrix(together);
}

std::string warning(const json& r) {
  if (r.value("trusted", true)) return "";
  std::string out = "<div class=warning role=alert><h2>Do not trust this result</h2><ul>";
  for (const json& reason : r.at("reasons")) out += "<li>" + text_of(reason) + ".</li>";
  return out + "</ul><p>" + text_of(r.at("advice")) + "</p></div>\n";
}

/// What of the run was made to leave the owner.
std::string publication(const json& r) {
  if (has(r, "not_published"))
    return "<p>A model to be shared was asked for, and none was made: " +
           text_of(r.at("not_published")) + ".</p>\n";
  if (!has(r, "published")) return "";
  return "<p>A model to be shared was made of it, with noise of " +
         general(real(r.at("published"), "noise")) +
         " on every weight of what was trained on; it tells at most " +
         general(real(r.at("published"), "bits")) + " bits about the secret key.</p>\n";
}

/// Whom this page is for.
std::string readers(const json& r) {
  return has(r, "published") ? "<p>For the owner alone: this page and all other results but the "
                               "model that was made to be shared.</p>\n"
                             : "<p>For the owner alone: this page and all other results.</p>\n";
}

std::string facts(const json& r) {
  std::string out;
  const auto add = [&](const char* key, const char* unit) {
    if (!has(r, key)) return;
    if (!out.empty()) out += ", ";
    out += text_of(r[key]) + " " + unit;
  };
  add("samples", has(r, "test_samples") ? "training samples" : "samples");
  add("test_samples", "test samples");
  add("features", "features");
  add("classes", "classes");
  add("steps", "steps");
  return "<p class=dim>" + out + "</p>\n";
}

/// What every page of ours has, of whatever version.
constexpr std::string_view kPageHead = "<p class=dim>BlindTuner</p>";

bool is_page(const std::filesystem::path& path) {
  constexpr std::size_t kMost = 64 << 20;
  try {
    const std::vector<std::uint8_t> bytes = read_file(path, kMost);
    return std::search(bytes.begin(), bytes.end(), kPageHead.begin(), kPageHead.end()) !=
           bytes.end();
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

std::string html_report(const json& r) {
  const std::string name = has(r, "data_set") ? text_of(r["data_set"])
                           : has(r, "study")  ? text_of(r["study"]) + ": " + text_of(r["owner"])
                                              : "Evaluation";
  const std::string title = has(r, "accuracy_encrypted") ? name + ", trained on ciphertexts" : name;
  return "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
         "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
         "<title>" +
         title + "</title>\n<style>" + kReportStyle + "</style></head>\n<body><main>\n" +
         std::string(kPageHead) + "<h1>" + title + "</h1>\n" + warning(r) + facts(r) + remarks(r) +
         overview(r) + publication(r) + readers(r) + gain(r) + compared(r) + rounds(r) + matrix(r) +
         classes(r) + times(r) + sizes(r) + parameters(r) + pooling_choice(r) + choice(r) +
         settings(r) + "</main></body></html>\n";
}

std::filesystem::path page_path(std::filesystem::path report) {
  return report.replace_extension(".html");
}

void require_replaceable_page(const std::filesystem::path& report) {
  const std::filesystem::path page = page_path(report);
  if (path_exists(page) && !is_page(page))
    throw DataError(quoted_path(page) +
                    ": is no page of a report, and one would take its place beside " +
                    quoted_path(report) + "; give another --report");
}

void write_reports(const std::filesystem::path& path, const json& report) {
  write_file_atomically(path, json_text(report, 2) + "\n", kForTheOwner);
  write_file_atomically(page_path(path), html_report(report), kForTheOwner);
}

}  // namespace blindtuner::app
