"""A workbook in Excel's format of before 2007, made by xlwt from three columns and two rows."""

from __future__ import annotations

import base64
import zlib

OLD_SHEET = zlib.decompress(
    base64.b85decode(
        b"c-rk)O=uHA6#izDZGLF}YAUos2?eWd(}Q^FrQKSqJ*8AH{(|;rp`kS?X+ZR1wdN=Yo)j;Idhk;9;twjQc<>-p^dJ"
        b"aAqDN1Hf`>Nio0nNht3o4MsLZ#_H*em|+j%=bZ+7?9Qmi<Cr@4eR=!FMmCxE&touCwO3sF$L<4DoX{gfPyO@)A;C"
        b"bG`N!_Z5goI^R^B^bEveM$^`pmZG57|Les#0H|DeHanahaO^q>!b;ziM?uI9%J6Ze2ZH?V(w$jCFUM#TNFpJWDRw"
        b"6t5tm1Xyv*v<bCh4%{$iYLL*+tRebKUsI)b)Czl?X+GG_i-g+#6CUnrw*g08_;0A)g5kglg)ip3sM4Tpj0biX2@W"
        b"tKLPZC<cv3dd0e_O5h{YLMnNnESHVt9dBI460N6c9qpD{D;b&CcX!meCGbRw<pgPnp1UE<I*b@$`h9p{U)ToysQ@"
        b"sqUZ*@Ej1Ls{%rZH%dM6I3g^^c)LW&qve~QU#CWgtrM)7<wKxyRBV@?!NGZHLB?UOF_=A+I#}*xzQA|g#&R=roSu"
        b"O4w&6x4?4RQ{7rC~L`q|BRW9_JtcamKAbl`qV;iJ_~^5S6WY<%&pHIG(0y2i;~UUNu_q_}of;(_JnLWPz0%uPRq7"
        b"{3u!zB}qXj9^7>Dng98Qj()1ev}L~R?=Gh!dkGk9FND;zhLWQh757fo*QJ@Yc$|44_aT<Q5=MZhK7cQhK7cQ#vee"
        b"aS8|W~MljVYzfb+wS)o+cze)aE97L9`JbhH|Lx%Dk&eXJiw!#$dy~H|g-2a6Vhp6`)CNau>OxC=9>61-VKhL@iqk"
        b"nG;)!Ki#7C--S|K9<I7SeP"
    )
)
"""The sheet Costs: item, price, when; Bolt, M8, 1.5, 2024-03-09."""
