// The style sheet of html_report.cpp.
#pragma once

namespace blindtuner::app {

inline constexpr char kReportStyle[] = R"css(
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d2126;--dim:#5b6570;--line:#d9dde1;--card:#fff;
--a:#1660b4;--b:#c2570c;--c:#5c7f1c;--d:#8a4fb0;--e:#0f8b8d;--f:#9a8412;--cell:22,96,180}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e7ea;--dim:#9aa4ae;--line:#343a41;
--card:#1c2024;--a:#6cb0ff;--b:#ff9a55;--c:#a5cf5b;--d:#cf9bf0;--e:#5fd0d2;--f:#d9c35a;--cell:108,176,255}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0 .3rem}
h2{font-size:1.1rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
p{margin:.4rem 0}.dim,figcaption{color:var(--dim);font-size:.875rem}
.warning{border:2px solid #c62828;border-left-width:.6rem;border-radius:.5rem;background:rgba(198,40,40,.12);
padding:.6rem 1rem;margin:1rem 0}.warning h2{border:0;margin:0;font-size:1.2rem}
.warning ul{margin:.3rem 0;padding-left:1.2rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.card b{display:block;font-size:1.45rem;line-height:1.3;font-weight:600}
.card span{color:var(--dim);font-size:.85rem}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.28rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}
thead th{font-weight:600;color:var(--dim);vertical-align:bottom;white-space:normal}
td.text{text-align:left;white-space:normal}
.matrix td{text-align:center;min-width:2.6rem;border:1px solid var(--bg)}
.matrix th{border:0;font-weight:400;max-width:9rem;overflow:hidden;text-overflow:ellipsis}
.matrix thead th{padding:.28rem 0}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:9rem;overflow:hidden;
text-overflow:ellipsis;white-space:nowrap;display:inline-block}
.matrix td,.matrix thead th{text-align:center}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));gap:1rem}
figure{margin:0}figcaption{margin-bottom:.2rem}
svg{display:block;width:100%;height:auto}
svg text{font-size:16px;fill:var(--dim)}
.grid{stroke:var(--line);stroke-width:1}.s0,.s1,.s2{fill:none;stroke-width:2.2;stroke-linejoin:round}
.s0{stroke:var(--a)}.s1{stroke:var(--b);stroke-dasharray:7 4}.p0{fill:var(--a)}.p1{fill:var(--b)}
.best{fill:none;stroke:var(--a);stroke-width:1.5}
.key{display:inline-block;width:1.1rem;height:.7rem;border-radius:2px;margin:0 .35rem 0 0;
vertical-align:baseline}
.legend span{margin-right:1.1rem;white-space:nowrap;font-size:.875rem;color:var(--dim)}
.bar{display:flex;height:1.5rem;border-radius:.3rem;overflow:hidden;margin:.5rem 0}
.bar i{display:block;min-width:1px}
.k0{background:var(--a)}.k1{background:var(--b)}.k2{background:var(--c)}.k3{background:var(--d)}
.k4{background:var(--e)}.k5{background:var(--f)}.k6{background:var(--dim)}
.heat rect{fill:rgb(var(--cell))}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem;
overflow-x:auto;font-size:.8rem}
details summary{cursor:pointer;color:var(--dim)}
@media(max-width:32rem){th,td{white-space:normal;padding:.25rem .35rem}table{font-size:.82rem}
.matrix td{min-width:1.5rem;padding:.25rem .1rem}.matrix tbody th{max-width:5.5rem;white-space:nowrap}}
@media print{body{background:#fff}main{max-width:none}}
)css";

}  // namespace blindtuner::app
