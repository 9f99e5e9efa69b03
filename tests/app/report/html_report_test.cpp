// The page: sections appear with their members, and nothing of a report becomes markup.
#include "app/report/html_report.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/utf8.h"
#include "party/owner/quality.h"

namespace blindtuner {
using namespace party;
using namespace app;
namespace {

using nlohmann::json;

bool contains(const std::string& page, const std::string& text) {
  return page.find(text) != std::string::npos;
}

json evaluation(int classes, const std::vector<std::string>& names = {}) {
  Eigen::MatrixXd scores = Eigen::MatrixXd::Identity(classes, classes);
  Labels labels;
  for (int k = 0; k < classes; ++k) labels.push_back(k);
  return quality_report(scores, labels, names);
}

TEST(HtmlReport, TextIsEscaped) {
  json report = evaluation(2, {"<script>alert(1)</script>", "a & \"b\" 'c'"});
  report["data_set"] = "</title><img src=x>";
  const std::string page = html_report(report);
  EXPECT_FALSE(contains(page, "<script"));
  EXPECT_FALSE(contains(page, "<img"));
  EXPECT_TRUE(contains(page, "&lt;script&gt;alert(1)"));
  EXPECT_TRUE(contains(page, "a &amp; &quot;b&quot; &#39;c&#39;"));
}

TEST(HtmlReport, SectionsFollowTheMembers) {
  const std::string page = html_report(evaluation(3));
  EXPECT_TRUE(contains(page, "Confusion matrix"));
  EXPECT_FALSE(contains(page, "Rounds of validation"));
  EXPECT_FALSE(contains(page, "Encrypted against plain"));
  EXPECT_TRUE(contains(html_report(json::object()), "</html>"));

  json report = evaluation(3);
  report["rounds"] = {{{"round", 1}, {"steps", 4}, {"loss", 0.5}, {"accuracy", 0.9}}};
  EXPECT_TRUE(contains(html_report(report), "<svg"));
  // Values that are no numbers are left out of a chart.
  report["rounds"][0]["loss"] = nullptr;
  report["rounds"][0].erase("accuracy");
  EXPECT_TRUE(contains(html_report(report), "Rounds of validation"));
  EXPECT_FALSE(contains(html_report(report), "nan"));
}

TEST(HtmlReport, WhatFiguresDoNotSay) {
  const json report = quality_report(Eigen::MatrixXd::Identity(2, 2).topRows(1), {0}, {"<a>", "b"});
  EXPECT_TRUE(contains(html_report(report),
                       "<li>every sample is of one class, &#39;&lt;a&gt;&#39;: that says"));
  EXPECT_FALSE(contains(html_report(evaluation(3)), "<li>"));
}

TEST(HtmlReport, FiguresOfAClassWithoutSamplesAreNone) {
  // Taken for a, b, a; nothing is of c, nor taken for it.
  const json report =
      quality_report(Eigen::MatrixXd{{1, 0, 0}, {0, 1, 0}, {1, 0, 0}}, {0, 1, 0}, {"a", "b", "c"});
  EXPECT_EQ(report["accuracy"], 1);
  EXPECT_EQ(report["per_class"][2]["recall"], nullptr);
  EXPECT_EQ(report["notes"],
            json::array({"no sample is of 'c': the figures are of the other classes, and say "
                         "nothing about this one"}));
  EXPECT_TRUE(contains(html_report(report), "<td>c</td><td>0</td><td>-</td><td>-</td><td>-</td>"));
  // One of b that is taken for c: c's F1 is 0, and b has no precision.
  const json taken = quality_report(Eigen::MatrixXd{{1, 0, 0}, {0, 0, 1}}, {0, 1}, {"a", "b", "c"});
  const std::string page = html_report(taken);
  EXPECT_TRUE(contains(page, "<td>c</td><td>0</td><td>0.00&nbsp;%</td><td>-</td><td>0.0000</td>"));
  EXPECT_TRUE(contains(page, "<td>b</td><td>1</td><td>-</td><td>0.00&nbsp;%</td>"));
  EXPECT_EQ(taken["notes"].size(), 2U);
}

TEST(HtmlReport, HowAStudysRowsWereMatched) {
  json report = {{"study", "Wards"}, {"owner", "a"}, {"owners", {"a", "b"}}, {"rows", 70},
                 {"own_rows", 70},   {"steps", 4},   {"noise", 1e-4},        {"bits", 0.4}};
  EXPECT_FALSE(contains(html_report(report), "identifier"));
  report["matching"] = {
      {"given", 90}, {"used", 70}, {"not_at_all_owners", 17}, {"without_identifier", 3}};
  EXPECT_TRUE(contains(html_report(report),
                       "70 of this owner's 90 are at all owners. Left out were 17 that are not, "
                       "and 3 without an identifier."));
}

TEST(HtmlReport, WhoOpenedAStudysModelAndOverWhichClassesItIsJudged) {
  json report = {{"study", "Wards"}, {"owner", "a"},   {"owners", {"a", "b", "c"}},
                 {"rows", 70},       {"own_rows", 70}, {"steps", 4},
                 {"noise", 1e-4},    {"bits", 0.4}};
  EXPECT_FALSE(contains(html_report(report), "Opened by"));
  report["opened_by"] = {"a", "c"};
  EXPECT_TRUE(contains(html_report(report), "Opened by a and c."));
  report.update(
      {{"together", evaluation(2, {"no", "yes"})},
       {"alone", evaluation(2, {"no", "yes"})},
       {"held_out", true},
       {"judged_rows", 2},
       {"macro_f1_of", {"no", "yes"}},
       {"own_classes", {{{"name", "no"}, {"own_rows", 1}}, {{"name", "yes"}, {"own_rows", 1}}}}});
  EXPECT_FALSE(contains(html_report(report), "among these rows"));
  report["macro_f1_of"] = {"yes"};
  EXPECT_TRUE(contains(html_report(report), "the classes that are among these rows: yes."));
}

/// The marks of the axis of the chart with this title.
std::vector<double> axis(const std::string& page, const std::string& title) {
  const std::size_t begin = page.find("<figcaption>" + title), end = page.find("</figure>", begin);
  const std::string chart = page.substr(begin, end - begin), mark = "text-anchor=end>";
  std::vector<double> out;
  for (std::size_t at = chart.find(mark); at != std::string::npos; at = chart.find(mark, at + 1))
    if (const char first = chart[at + mark.size()]; first != 's')  // of the word "steps"
      out.push_back(std::stod(chart.substr(at + mark.size())));
  return out;
}

TEST(HtmlReport, AxesAreOfWhatCanBe) {
  const std::vector<std::array<double, 3>> runs[] = {{{0.9, 0.4, 3.0}, {1.0, 0.1, 6.0}},
                                                     {{1.0, 0.0, 0.0}},
                                                     {{0.0, 2.0, 1.0}},
                                                     {{0.5, 0.31, 1.0}, {0.5, 0.3, 1.0}}};
  for (const auto& run : runs) {
    json report = evaluation(2);
    for (const auto& [accuracy, loss, logit] : run)
      report["rounds"].push_back({{"round", report["rounds"].size() + 1},
                                  {"steps", 2},
                                  {"accuracy", accuracy},
                                  {"loss", loss},
                                  {"max_logit", logit}});
    const std::string page = html_report(report);
    for (const char* title : {"Validation loss", "Validation accuracy, %", "Largest |logit|"}) {
      const std::vector<double> marks = axis(page, title);
      ASSERT_EQ(marks.size(), 5U) << title;
      EXPECT_GE(marks.front(), 0) << title;
      if (std::string(title).ends_with("%")) {
        EXPECT_LE(marks.back(), 100);
      }
      // No mark is printed as another is, and the values lie between the first and the last.
      for (std::size_t i = 1; i < marks.size(); ++i) EXPECT_LT(marks[i - 1], marks[i]) << title;
      for (const auto& [accuracy, loss, logit] : run) {
        const double value = title[0] == 'L' ? logit : title[11] == 'l' ? loss : 100 * accuracy;
        EXPECT_TRUE(marks.front() <= value && value <= marks.back()) << title << " " << value;
      }
    }
  }
}

TEST(HtmlReport, FitsNarrowScreens) {
  const std::string page = html_report(evaluation(3, {"a", "b", "of many words"}));
  EXPECT_TRUE(contains(page, "<th><span>of many words</span></th>"));
  EXPECT_TRUE(contains(page, ".matrix thead span{writing-mode:vertical-rl"));
  EXPECT_TRUE(contains(page, "<td>100.00&nbsp;%</td>"));
  EXPECT_FALSE(contains(page, "100.00 %"));
}

TEST(HtmlReport, OfOtherHeads) {
  json report = evaluation(2);
  for (const char* name : {"accuracy_encrypted", "accuracy_plain", "accuracy_plain_approx"})
    report[name] = 0.5;
  EXPECT_TRUE(contains(html_report(report), "exact softmax"));
  report["config"] = {{"head", "squared"}};
  // Nothing was tried to balance scores that are no logarithms of odds.
  report["seconds"] = {{"total", 3.0}};
  report["seconds_per_step"] = json::array({{{"weights", 1.0}, {"softmax", 2.0}}});
  report["choice"] = {{"trials", {{{"way", "fast"}, {"accuracy", 0.5}}}}, {"way", "fast"}};
  const std::string page = html_report(report);
  EXPECT_TRUE(contains(page, "exact squared"));
  EXPECT_FALSE(contains(page, "softmax"));
  EXPECT_TRUE(contains(page, "</i>squared</td>"));
  EXPECT_TRUE(contains(page, "How the settings were chosen"));
  EXPECT_FALSE(contains(page, "--balanced"));
}

TEST(HtmlReport, ManyClassesBecomeAPicture) {
  EXPECT_TRUE(contains(html_report(evaluation(25)), "class=matrix"));
  const std::string page = html_report(evaluation(100));
  EXPECT_FALSE(contains(page, "class=matrix"));
  EXPECT_TRUE(contains(page, "class=heat"));
}

TEST(HtmlReport, BytesThatAreNoText) {
  json report = evaluation(2, {"\xff\xfe", "b"});
  report["data_set"] = "a \xff\xfe b";
  EXPECT_TRUE(decode_utf8(html_report(report)).has_value());
}

}  // namespace
}  // namespace blindtuner
