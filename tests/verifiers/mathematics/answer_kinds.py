r"""Wrong answers that may be taken for right ones, and right ones that may not be known, by mechanism.

Each row: the prompt's words, the expected answer, the answers. Wrong ones are wrong for anybody; of right ones each is
the expected answer in another spelling. `UNDONE` has answers that are right in value but leave the work to the judge.
"""

from __future__ import annotations

__all__ = ["RIGHT", "UNDONE", "WRONG"]

Rows = list[tuple[str, str, list[str]]]

WRONG: dict[str, Rows] = {
    "times are compared in all of their parts": [
        ("When?", "3:10:20", ["3:10:25", "3:10:02", "3:10", "3:11:20", "4:10:20", "3:10:20 pm", "3:20:10"]),
        ("When?", "3:10 pm", ["3:10 am", "3:10:05 pm", "3:10", "10:3 pm"]),
        ("When?", "7:30", ["14:60", "30:7"]),
    ],
    "functions that vanish on rational or integer numbers": [
        (
            "f?",
            "x^2",
            [
                r"x^2+\sin(997\pi x)",
                r"x^2+\sin(1000!\pi x)",
                r"x^2+\sin((1000!)^2\pi x^2)",
                r"x^2+\tan(997!\pi x)",
                r"x^2+\sin^2(997\pi x)",
                r"x^2\cos(2\cdot 997\pi x)",
                r"x^2+\sin(10^{60}\pi x)",
                r"x^2+\sin(2^{500}\pi x)",
                r"x^2+\sin(\pi x)\sin(997\pi x)",
                r"x^2+1-|\cos(997\pi x)|",
            ],
        ),
        ("f?", "n", [r"n\cos(2\pi n)", r"n+\sin(\pi n)"]),
    ],
    "functions that differ beyond a bound that is written into them": [
        (
            "f?",
            "x",
            [
                r"x+\lfloor\frac{|x|}{10^9}\rfloor",
                r"10^9-\sqrt{x^2-2\cdot10^9x+10^{18}}",
                r"10^{9}-|x-10^{9}|",
                r"x+\lfloor e^{-x^2}\rfloor",
                r"\min(x,10^{12})",
                r"x+\max(0,x-10^{20})",
                r"10^9\arctan(\tan(x/10^9))",
                r"x+\lfloor\frac{x^2}{10^{400}}\rfloor",
                r"x+|x-3|-|3-x|+\lceil\frac{x^2}{1+x^2}\rceil-1",
                r"10^{40}-\sqrt{(10^{40}-x)^2}",
            ],
        ),
        ("f?", r"\lfloor x\rfloor", [r"\lfloor x\rfloor+\lfloor\frac{|x|}{10^9}\rfloor", r"\lceil x\rceil-1"]),
        ("f?", "x^2+n", [r"x^2+n+\lfloor\frac{n}{500}\rfloor", r"x^2+n+\lfloor\frac{|n|}{500}\rfloor"]),
        ("f?", "x^2", [r"x^2+\lfloor\frac{n}{500}\rfloor", r"x^2+\max(0,\ln(x^2+1)-10000)"]),
        ("f?", r"\sqrt{x}", [r"\sqrt{x}+\max(0,\sqrt{x}-10^{30})"]),
    ],
    "functions that differ where what grows fastest cannot be evaluated": [
        (
            "f?",
            "2^x",
            [
                r"2^x+\max(0,|x|-10^{20})",
                r"2^x+|x-10^{20}|-(10^{20}-x)",
                r"2^x+\sqrt{(x-10^{20})^2}-10^{20}+x",
                r"2^x+\max(0,\sqrt{x^2+1}-10^{20})",
                r"2^x+x-10^{20}\arctan(\tan(\frac{x}{10^{20}}))",
            ],
        ),
        ("f?", "n!", [r"n!+\max(0,n-10^6)"]),
    ],
    "functions that are equal on one side of 0": [
        ("?", r"\frac{\pi}{2}", [r"\arctan(x)+\arctan(\frac{1}{x})"]),
        ("f?", r"\arctan(x)+\arctan(\frac{1}{x})", [r"\frac{\pi}{2}"]),
        ("f?", r"\frac{\pi}{2}-\arctan(x)", [r"\arctan(\frac{1}{x})"]),
    ],
    "functions that differ by less than the digits compared": [
        ("f?", "x", [r"x+e^{-10^9(x^2+1)}", r"\sqrt[3]{x^3+10^{-5000}}", r"\ln(e^x+10^{-9000})"]),
        ("f?", "|x|", [r"\sqrt{x^2+10^{-5000}}"]),
        ("?", r"\pi", [r"\sqrt{\pi^2+10^{-5000}}", r"\pi+10^{-3000}", "3.14159265358979323846264338327950288"]),
    ],
    "sets and brackets within an expression": [
        (
            "f?",
            "x^2",
            [
                r"x^2+\{0\}",
                r"x^2\cup\{0\}",
                r"x^2+\{1\}-\{1\}",
                r"\{x^2\}+0",
                r"x^2\cdot\{1\}",
                r"x^2+\emptyset",
                r"x^2\setminus\emptyset",
                r"x^2+\{\}",
            ],
        ),
        ("?", "6", [r"2\{3\}", r"\{2\}\{3\}", r"\{5\}+1"]),
    ],
    "dates in another order": [
        ("When?", "2024-03-04", ["2024-04-03", "04/03/2024", "3/4/2024", "4.3.2024", "2024/04/03", "2017"]),
        ("When?", "03/04/2024", ["04/03/2024", "2024-04-03", "3-4-2024"]),
        ("When?", "24-03-04", ["24-04-03", "17"]),
        ("When?", "March 4, 2024", ["April 3, 2024", "March 3, 2024", "2024-04-03"]),
    ],
    "a unit that only the answer names": [
        ("How many dollars does it cost?", "5", ["5 cents", r"5\text{ cents}", r"5¢", r"500\text{ dollars}"]),
        ("What does it cost?", "5", ["5 cents"]),
        ("How many dollars are 500 cents?", "5", ["5 cents"]),
        ("How many hours does it take?", "5", [r"5\text{ minutes}", "5 minutes", r"5\text{ seconds}"]),
        ("How long is it in metres?", "5", [r"5\text{ cm}", "5 km"]),
        ("The car drives 60 km. How many km are left?", "12", [r"12\text{ miles}", r"12\text{ m}"]),
        ("How many apples are left?", "7", [r"7^\circ", "7°", r"7\text{ degrees}", "7 rad", r"7^{\circ}"]),
        ("How many circles are there?", "7", [r"7^\circ"]),
        ("?", r"\frac{7\pi}{180}", [r"7^\circ"]),
    ],
    "an inequality for a point": [
        (
            "Find the vertex.",
            "(1,2)",
            ["1<x<2", r"x \in (1,2) \cup \emptyset", "1<y<2", "[1,2]", r"\{1,2\}", r"1\leq x\leq 2"],
        ),
        ("?", "(1,2)", ["1<x<2", "2>x>1", r"x>1 \text{ and } x<2"]),
        ("Which interval?", "(1,2)", [r"1\leq x<2", "1<x<3", "x<2"]),
        ("Solve the inequality.", "[1,2]", ["1<x<2", "(1,2)"]),
    ],
    "choices that contradict each other": [
        ("Which?", r"\text{(C)}", [r"\text{(B) }18", r"\mathbf{B}", r"\text{(C) or (D)}"]),
        ("Which?", r"\text{(C) }18", [r"\text{(C) }19", r"\text{(B) }18", "B", "19"]),
        ("Which?", "18", [r"\text{(C) }19", r"\text{(C)}"]),
    ],
    "ratios, repeating decimals, signs for both": [
        ("Ratio?", "7:3", ["3:7", "14:3", "14:7", "-7:-3", "7:3:1", "0:0", "14:6:2"]),
        ("?", r"\frac23", [r"0.\bar5", "0.6", r"0.6\bar5", "0.66666666666666666666666666666666666666666666666666"]),
        ("Solve.", "2, 3", [r"\frac{5\pm2}{2}", r"5\pm1", r"\frac{5+1}{2}", r"2\pm3"]),
        ("?", "5", [r"5\pm0", r"5\pm1", "3=5", "7-3=5", r"5=5=6", r"\frac12=0.5"]),
    ],
    "words that only look alike": [
        ("Solve.", r"\emptyset", ["0", r"\{0\}", r"\text{no}", r"\text{one solution}", r"\text{all real numbers}"]),
        ("Limit?", r"\text{does not exist}", ["0", r"\infty", r"\text{exists}"]),
        ("?", r"\frac12", [r"\cos 30^\circ", r"\sin 60^\circ", r"\cos 60", r"\cos(-120^\circ)"]),
        ("?", r"\$3.50", ["EUR 3.50", "USD 350", "USD 3.05", r"3.50\text{ cents}"]),
        ("?", "18", [r"18,000\times10^{-2}", r"18,0\times10^{-1}", r"(18,000)\times10^{-3}, 1", r"\{18, 19\}"]),
    ],
}

UNDONE: Rows = [
    ("?", r"8\sqrt2", [r"\sqrt{50}+3\sqrt2", r"5\sqrt2+\sqrt{18}", r"2\cdot4\sqrt2", r"2\sqrt2\cdot\sqrt{16}"]),
    ("?", "1591", ["40^2-3^2", r"43\cdot37", r"(40-3)(40+3)", "1600-9", r"40^2-9"]),
    (
        "?",
        "2",
        [r"2^{100} \mod 7", r"\max(1,2)", r"\lfloor 2.7\rfloor", "|-2|", r"\sqrt2\sqrt2", r"\sqrt{40-36}", r"x=3-1"],
    ),
    ("?", r"\frac56", [r"\frac12+\frac13", r"\frac12\cdot\frac53", r"1-\frac16", r"\frac{2+3}{6}"]),
    ("?", "40", [r"2^3\cdot5", r"\sum_{k=1}^{4} 10", r"4\cdot10", r"\int_0^{40} 1\,dx", r"10^1+30"]),
    ("?", r"3\pi", [r"\pi+2\pi", r"\pi\cdot2+\pi", r"1.5\cdot2\pi"]),
    ("?", "-1", [r"(1+\sqrt2)(1-\sqrt2)", r"\sin 30^\circ-\frac32", r"\ln 1 - 1 \cdot 1"]),
    ("?", "7+2i", [r"3+4+2i", r"7+i+i"]),
    ("Both?", "2, 3", [r"1+1, 3", r"\{2, 5-2\}"]),
    ("Point?", "(1,2)", [r"(3-2, 2)", r"(1, 2\cdot1)"]),
]

RIGHT: dict[str, Rows] = {
    "functions that break where the expected one does": [
        ("f?", r"\ln|\sec(x)|", [r"-\ln|\cos(x)|"]),
        ("f?", r"\max(x,y)", [r"\frac{x+y+|x-y|}{2}"]),
        ("f?", r"|\sin(x)|", [r"\sqrt{1-\cos^2(x)}"]),
        ("f?", r"\arctan(\frac{\sin(x)}{1+\cos(x)})", [r"\arctan(\tan(\frac{x}{2}))"]),
    ],
    "braces and commands around a value": [
        (
            "?",
            "18",
            ["{18}", "{{18}}", r"\mathbf{18}", r"\text{18}", r"\textbf{18}", r"\mathrm{18}", r"{\bf 18}", r"x={18}"],
        ),
        ("Solve.", r"\{1,2\}", ["{1,2}", r"\{2,1\}", "1, 2", r"x\in\{1,2\}"]),
        ("Which?", "C", [r"\mathbf{C}", r"\text{C}", r"\text{(C)}", r"\textbf{(C)}", r"\mathrm{C}", "(C)"]),
    ],
    "the same value twice": [
        ("?", r"\frac12", [r"\frac12=0.5", "1/2 = 0.5", "0.5=1/2", r"50\% = 0.5", r"\frac24=\frac12=0.5"]),
        ("?", "5", ["2+3=5", r"10/2 = 5", "x = 2+3 = 5", r"\sqrt{25}=5"]),
        ("?", r"\frac12=0.5", [r"\frac12", "0.5"]),
        ("Factor.", "(x-1)(x+1)", ["x^2-1=(x-1)(x+1)"]),
    ],
    "elementary functions at standard angles": [
        (
            "?",
            r"\frac12",
            [
                r"\cos 60^\circ",
                r"\cos(60^\circ)",
                r"\cos{60^\circ}",
                r"\sin 30°",
                r"\cos\frac{\pi}{3}",
                r"\sin 30^{\circ}",
                r"\cos 60 \text{ degrees}",
                "cos 60°",
                r"\cos(-60^\circ)",
            ],
        ),
        ("?", "1", [r"\tan 45^\circ", r"\sin\frac{\pi}{2}", r"\log_{10} 10", r"\ln e", r"e^0", r"0!"]),
        ("?", r"\frac34", [r"\cos^2 30^\circ", r"\sin^2 60^\circ"]),
        ("?", r"\frac{\sqrt2}{2}", [r"\cos 45^\circ", r"\frac{1}{\sqrt2}", r"2^{-1/2}"]),
    ],
    "numbers in other spellings": [
        (
            "?",
            "18",
            [
                r"18,000\times10^{-3}",
                r"18\,000\times10^{-3}",
                r"1.8\times10^{1}",
                "1.8e1",
                "18.0",
                "+18",
                r"\frac{36}{2}",
                r"18\times10^0",
            ],
        ),
        ("?", "18000", ["18,000", r"18{,}000", r"18\,000", r"1.8\cdot10^4", "18,000.0"]),
        (
            "?",
            r"\frac23",
            [
                r"0.\bar6",
                r"0.\bar{6}",
                r"0.\overline{6}",
                r"0.\overline6",
                "0.(6)",
                r"0.\dot{6}",
                r".\bar6",
                r"0.6\bar6",
            ],
        ),
        ("?", "3.5", [r"\frac72", r"3\frac12", "3.50", "7/2"]),
        ("?", r"2\sqrt2", [r"\sqrt8", r"\sqrt{8}", r"2^{3/2}", r"\frac{4}{\sqrt2}"]),
        ("?", "120", ["5!", r"120", r"1.2\times10^2"]),
        ("?", "1024", ["2^{10}", "4^5"]),
    ],
    "both values of a sign": [
        ("Solve.", r"\{2,3\}", [r"\frac{5\pm1}{2}", r"x=\frac{5\pm1}{2}", r"\frac{5 \pm \sqrt{1}}{2}", "2, 3"]),
        ("Solve.", "2, 3", [r"\frac{5\pm1}{2}", r"2.5\pm0.5"]),
        ("Solve.", r"\pm3", ["3, -3", r"\{-3,3\}", r"\mp 3"]),
        ("Solve.", "1, 2, 5", [r"\frac{3\pm1}{2}, 5"]),
    ],
    "choices with what stands beside them": [
        ("Which?", "18", [r"\text{(C) }18", r"\text{(C)}\ 18", r"\textbf{(C) } 18", r"\text{C) }18"]),
        ("Which?", r"\text{(C)}", [r"\text{(C) }18", "C", r"\mathbf{(C)}", r"\text{(C)}\ 18"]),
        ("Which?", r"\text{(C) }18", [r"\text{(C)}", "18", "C", r"\textbf{(C)} 18"]),
    ],
    "ratios in other terms": [
        ("Ratio?", "7:3", ["14:6", "7:3", "3.5:1.5", "70:30", r"\frac73:1", "28:12"]),
        ("Ratio?", "2:3", ["10:15", "4:6", r"\frac13:\frac12"]),
        ("Ratio?", "1:2:3", ["2:4:6", "10:20:30"]),
    ],
    "words that say that there is nothing": [
        (
            "Solve.",
            r"\emptyset",
            [
                r"\text{no solutions}",
                r"\text{no solution}",
                "no solution",
                r"\varnothing",
                r"\{\}",
                "none",
                r"\text{no real solutions}",
                r"\text{There are no solutions}",
            ],
        ),
        ("Solve.", r"\text{no solution}", [r"\text{no solutions}", r"\emptyset", r"\text{No Solution}"]),
        ("Limit?", r"\text{does not exist}", [r"\text{DNE}", "does not exist", r"\text{Does not exist.}"]),
    ],
    "money and units": [
        (
            "What does it cost?",
            r"\$3.50",
            ["USD 3.50", r"\text{USD }3.50", "3.50 USD", r"US\$3.50", "3.5 dollars", "350 cents", "3.50"],
        ),
        ("How many dollars?", "5", [r"\$5", "5 dollars", "USD 5", r"5\text{ dollars}"]),
        ("How many cents are 5 dollars?", "500", ["500 cents", r"500\text{ cents}", "500"]),
        ("How many hours?", "5", [r"5\text{ hours}", "5 hours"]),
        ("The garden is 8 feet by 8 feet. Area?", "64", [r"64\text{ square feet}", r"64\text{ ft}^2"]),
        ("Measure of the angle?", "72", [r"72^\circ", "72 degrees"]),
        (r"The temperature falls by 3^\circ\text{C} to what?", "7", [r"7^\circ", "7"]),
    ],
    "times, dates and intervals": [
        ("When?", "3:10:20", ["3:10:20", "03:10:20"]),
        ("When?", "3:10 pm", ["3:10 PM", r"3:10\text{ p.m.}", "3:10:00 pm"]),
        ("When?", "2024-03-04", ["2024-03-04", "2024-3-4", "March 4, 2024", "4 March 2024", "2024/03/04"]),
        ("Which interval?", "(1,2)", ["1<x<2", r"x\in(1,2)", "2>x>1", r"\left(1,2\right)"]),
        ("Solve the inequality.", "1<x<2", ["(1,2)", r"x\in(1,2)"]),
        ("For which x?", r"(-\infty,2)", ["x<2", "2>x"]),
    ],
}
