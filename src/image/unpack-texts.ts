/** The unpacker's messages (native/addon/tar-*.cc, which speaks English) in Chinese. Loaded only when a layer cannot be unpacked. */

import type { Bilingual } from "../base/lang";

/** `*` stands for what the message quotes, in the same order in both languages. */
const TEXTS: Readonly<Record<string, string>> = {
  '* leaves the root file system through ".."': '*经 ".." 跑出了根文件系统',
  '* has a directory whose name starts with ".wh.", which is kept for whiteouts':
    '*里有一个以 ".wh." 开头的目录，这种名字只留给 whiteout',
  "* is longer than Linux allows (255 bytes a component, 4095 in all)":
    "*超过 Linux 允许的长度（每一段 255 字节，总共 4095 字节）",
  "* contains a NUL byte": "*里有 NUL 字节",
  '"*", above it, is a symlink that leads to no directory in this layer': '它上级的 "*" 是符号链接，在这一层里没有通到目录',
  '"*", above it, is not a directory': '它上级的 "*" 不是目录',
  "not a tar archive: the first header's checksum is wrong": "不是 tar：第一个头部的校验和不对",
  "the header's checksum is wrong": "头部的校验和不对",
  "a header field is not a number": "头部里有一项不是数字",
  "a pax record has a bad length": "有一条 pax 记录的长度不对",
  "a pax record is malformed": "有一条 pax 记录的格式不对",
  'the pax record "*" has a bad value': 'pax 记录 "*" 的值不对',
  "a sparse file does not say its size": "稀疏文件没有写明大小",
  "a sparse file has no room for its map": "稀疏文件里放不下它的分布表",
  "an entry follows a block of zeros, which ends an archive": "全零的块表示归档结束，可后面还有条目",
  "an extended header of * bytes is above the limit of *": "扩展头有 * 字节，超过上限 *",
  "too many extended headers before one entry": "一个条目前面的扩展头太多",
  "the archive ends after a header that describes a further entry": "头部说后面还有条目，归档却结束了",
  "the archive ends in the middle of an entry": "归档在一个条目中间断了",
  "the size field is not a number": "大小不是数字",
  "the size is negative": "大小是负数",
  "the device number is out of range": "设备号超出范围",
  "the owner is out of range": "属主超出范围",
  'entry type "*" is not one that an image layer can hold': '镜像层里不能有 "*" 类型的条目',
  "the sparse file's size is not a number": "稀疏文件的大小不是数字",
  "the sparse map is not made of numbers": "稀疏文件的分布表里有不是数字的项",
  "the sparse map has a negative number": "稀疏文件的分布表里有负数",
  "the sparse map is out of order or leaves the file": "稀疏文件的分布表次序不对，或超出了文件",
  "the sparse map has too many pieces": "稀疏文件的分布表段数太多",
  "the sparse map lacks a length": "稀疏文件的分布表少一个长度",
  "the sparse map is longer than the file's data": "稀疏文件的分布表比文件数据还长",
  "the sparse map has no count": "稀疏文件的分布表没有写段数",
  "the sparse map's count is bad": "稀疏文件的分布表写的段数不对",
  "the sparse map does not add up to the data": "稀疏文件的分布表加起来与数据不符",
  "the layer has more than * entries": "这一层的条目超过 * 个",
  "the layer's files are larger than * bytes": "这一层的文件总共超过 * 字节",
  "the whiteout names nothing that a directory can hold": "whiteout 写的不是目录里能有的名字",
  "the entry would replace the root directory itself": "这个条目会把根目录本身换掉",
  "the hard link's target is the root directory": "硬链接的目标是根目录",
  'the hard link\'s target "*" is not in this layer': '硬链接的目标 "*" 不在这一层里',
  'the hard link\'s target "*" is a directory': '硬链接的目标 "*" 是目录',
  "the symlink has no target": "符号链接没有目标",
  "the symlink's target is longer than 4095 bytes": "符号链接的目标超过 4095 字节",
  "cannot duplicate the root's descriptor": "不能复制根目录的描述符",
  "cannot finish the file": "不能写完文件",
  "cannot give the sparse file its size": "不能给稀疏文件设定大小",
  "cannot look at what is there already": "不能查看那里已有的东西",
  "cannot make the directory": "不能创建目录",
  "cannot make the entry": "不能创建条目",
  "cannot make the entry's directory": "不能创建条目所在的目录",
  "cannot make the file": "不能创建文件",
  "cannot make the hard link": "不能创建硬链接",
  "cannot make the whiteout": "不能创建 whiteout",
  'cannot open "*"': '不能打开 "*"',
  "cannot open a directory just made": "不能打开刚创建的目录",
  "cannot open the directory to be made opaque": "不能打开要设为不透明（opaque）的目录",
  "cannot open the entry's directory": "不能打开条目所在的目录",
  "cannot read the layer below": "不能读下面的一层",
  "cannot replace what an earlier entry made": "不能替换前面条目创建的东西",
  'cannot restore the time of "*"': '不能恢复 "*" 的时间',
  "cannot set a directory's mode": "不能设置目录的权限",
  "cannot set the extended attribute *": "不能设置扩展属性 *",
  "cannot set the mode": "不能设置权限",
  "cannot set the owner": "不能设置属主",
  "cannot set the time": "不能设置时间",
  "cannot write the file": "不能写入文件",
  "cannot set *": "不能设置 *",
};

/** What the unpacker itself puts at the place of a `*`. */
const SUBJECTS: Readonly<Record<string, string>> = { "the name": "名字", "the hard link's target": "硬链接的目标" };

/** A message of the unpacker in both languages; the English one in both when it is not known. */
export function unpackMessage(message: string): Bilingual {
  const plain = TEXTS[message];
  if (plain !== undefined) return { en: message, zh: plain };
  for (const [en, zh] of Object.entries(TEXTS)) {
    const quoted = quotedBy(en.split("*"), message);
    if (quoted === undefined) continue;
    let at = 0;
    return { en: message, zh: zh.replaceAll("*", () => SUBJECTS[quoted[at] ?? ""] ?? quoted[at++] ?? "") };
  }
  return { en: message, zh: message };
}

/** What stands between the fixed parts of a text, when `message` has them all. */
function quotedBy(fixed: readonly string[], message: string): string[] | undefined {
  const first = fixed[0] ?? "";
  const last = fixed.at(-1) ?? "";
  if (fixed.length < 2 || !message.startsWith(first) || !message.endsWith(last)) return undefined;
  const quoted: string[] = [];
  let at = first.length;
  for (const part of fixed.slice(1, -1)) {
    const next = message.indexOf(part, at);
    if (next < 0) return undefined;
    quoted.push(message.slice(at, next));
    at = next + part.length;
  }
  if (at > message.length - last.length) return undefined;
  return [...quoted, message.slice(at, message.length - last.length)];
}
