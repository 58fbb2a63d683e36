"""Traditional characters read as simplified ones, so that one list of words serves both.

`simple` changes one character for one and keeps the length, so that what is found in the simple text can be cut out of the
text as it was sent: a name stays as its owner writes it. The table holds the characters of this trade, of common surnames and
of short answers; it is no converter of Chinese, and a character it does not know is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.core.resolve.numerals import fold

#: Traditional and simplified by turns.
_PAIRS: Final = (
    "係系該该對对沒没錯错問问題题無无誤误確确認认絕绝謝谢請请煩烦嗎吗麼么們们這这個个還还邊边裡里裏里來来過过"
    "開开關关說说講讲話话聽听見见覺觉讓让給给幫帮樣样當当應应會会時时間间點点從从後后與与為为於于兩两幾几條条"
    "隻只張张雙双單单獨独實实總总經经處处辦办書书寫写讀读記记號号碼码幣币數数電电郵邮買买賣卖費费錢钱賬账帳帐"
    "據据發发貴贵價价繳缴納纳賠赔罰罚餘余額额萬万億亿圓圆滿满師师態态專专業业環环衛卫擾扰壞坏爛烂髒脏亂乱響响"
    "聲声讚赞評评級级強强將将湊凑極极頂顶難难樂乐氣气樓楼棟栋層层門门戶户廳厅廚厨廁厕陽阳臺台檯台園园區区車车"
    "庫库場场樁桩證证檔档徵征責责產产權权屬属質质約约違违滯滞遲迟攤摊燈灯熱热爐炉鍋锅爾尔運运輸输貨货裝装傢家"
    "俱具傭佣備备動动銲焊燒烧鑽钻鋸锯牆墙磚砖圖图紙纸鑰钥鎖锁臉脸紋纹識识別别錄录訪访親亲鄰邻賃赁續续簽签轉转"
    "繼继贈赠養养貓猫寵宠廣广橫横禮礼慶庆節节補补換换遺遗丟丢銷销掛挂領领進进離离遷迁鐘钟頭头歲岁週周線线網网"
    "絡络視视機机飛飞鐵铁鋼钢銀银龍龙滲渗溝沟濕湿滅灭閉闭斷断連连護护飲饮夠够圍围簷檐蓋盖舊旧內内東东島岛灣湾"
    "縣县鄉乡鎮镇嶺岭澤泽濱滨濟济瀋沈遼辽寧宁陝陕瓊琼贛赣魯鲁粵粤滬沪蘇苏閩闽雲云註注冊册錶表鬧闹訊讯聯联簡简"
    "體体國国語语學学習习廠厂醫医藥药險险靜静畫画剛刚纔才麵面隨随試试誰谁設设許许願愿謹谨託托獲获現现擴扩寬宽"
    "簾帘櫃柜頻频標标誌志衝冲湧涌溫温濃浓煙烟聞闻觸触傷伤貳贰參叁叄叁陸陆陳陈劉刘黃黄趙赵吳吴孫孙馬马鄭郑馮冯"
    "鄧邓蔣蒋葉叶閻阎盧卢鍾钟譚谭賈贾鄒邹蕭萧呂吕龔龚賀贺顧顾湯汤嚴严韋韦畢毕聶聂齊齐莊庄賴赖歐欧龐庞華华範范"
    "羅罗楊杨鄔邬藍蓝駱骆塗涂鮑鲍顏颜倫伦喬乔譙谯鄺邝諸诸閔闵紀纪項项婁娄遊游賓宾練练郟郏鞏巩闞阚隴陇寶宝偉伟"
    "麗丽軍军傑杰濤涛艷艳鳳凤蘭兰鵬鹏潔洁繫系著着乾干啟启戲戏棄弃輛辆臨临歸归劇剧顆颗騙骗廢废噁恶惡恶爺爷媽妈"
    "嬸婶優优績绩殘残騰腾損损術术緊紧閒闲"
)
_TABLE: Final[Mapping[int, str]] = {
    ord(old): new for old, new in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)
}


def simple(text: str) -> str:
    """The text half-width and in simplified characters; same length."""
    return fold(text).translate(_TABLE)
