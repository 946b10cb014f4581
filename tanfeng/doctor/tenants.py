"""Whether tenants' SQL is bounded: rights, logins, names, the server's share for us, sessions that were ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tanfeng.doctor.finding import error, unknown, warning, well

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.store.pool import Row
    from tanfeng.doctor.finding import Finding

    Found = Row | Mapping[str, object] | None

RESERVES: Final = 160_000
"""PostgreSQL keeps connections for chosen roles since 16."""
_MIGRATE: Final = (
    "以超级用户登录执行 tanfeng migrate，它会重新收回。",
    "Run `tanfeng migrate` with a superuser's login: it takes them away again.",
)


def tenants(found: Found, version: int) -> list[Finding]:
    """All findings; `version` is PostgreSQL's number, as 170005."""
    if found is None:
        return []
    return [_rights(found), _logins(found), _names(found), _server(found, version), _ended(found)]


def _rights(found: Row | Mapping[str, object]) -> Finding:
    opened = _listed(found, "open_functions")
    told = [*opened[:3], *([f"… {len(opened) - 3}"] if len(opened) > 3 else [])]  # noqa: PLR2004 - enough to see which
    if found["may_program"]:
        told.append("DO (plpgsql)")
    others = _listed(found, "other_databases")
    if told:
        names = ", ".join(told)
        return error(
            "tenants' rights",
            (f"租户可调用会妨碍他人的函数：{names}。", f"Tenants may call what can harm others: {names}."),
            _MIGRATE,
        )
    if others:
        names = ", ".join(others)
        fix = " ".join(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC;' for name in others)
        return warning(
            "tenants' rights",
            (
                f"租户可连接其他数据库，那里不受限制：{names}。",
                f"Tenants may enter other databases, unbounded there: {names}.",
            ),
            (fix, fix),
        )
    return well("tenants' rights", "租户不能加锁、通知或写入。", "tenants can neither lock, wake nor write.")


def _logins(found: Row | Mapping[str, object]) -> Finding:
    if names := ", ".join(_listed(found, "unlimited")):
        return error(
            "tenants' logins",
            (f"登录没有连接数上限：{names}。", f"Logins without a limit of connections: {names}."),
            _MIGRATE,
        )
    return well("tenants' logins", "每个租户登录的连接数有上限。", "each tenant's login has a limit of connections.")


def _names(found: Row | Mapping[str, object]) -> Finding:
    if names := _listed(found, "telling"):
        told = ", ".join(names)
        return warning(
            "tenants' names",
            (
                f"角色名透露企业，所有登录可见：{told}。",
                f"Names of roles tell enterprises to every login: {told}.",
            ),
            (
                f"tanfeng access rename {names[0]} --as 姓名，再把新名写入其 Grafana 数据源。",
                f"tanfeng access rename {names[0]} --as NAME, then put the new name into its data source in Grafana.",
            ),
        )
    return well("tenants' names", "角色名不透露企业。", "no role's name tells an enterprise.")


def _server(found: Row | Mapping[str, object], version: int) -> Finding:
    """What only the server's configuration can bound."""
    wrong = []
    if version < RESERVES:
        return warning(
            "tenants' share",
            ("PostgreSQL 16 之前不能为系统保留连接。", "Before PostgreSQL 16 no connections can be kept for us."),
            ("升级数据库，见 docs/operations/upgrade.md。", "Upgrade the database: docs/operations/upgrade.md."),
        )
    if not found["reserved"]:
        wrong.append("ALTER SYSTEM SET reserved_connections = 20;")
    if found["temp_file_limit"] == "-1":
        wrong.append("ALTER SYSTEM SET temp_file_limit = '10GB';")
    if wrong:
        fix = f"{' '.join(wrong)} 重启数据库 restart the server."
        return warning(
            "tenants' share",
            ("租户可占满连接或磁盘。", "Tenants can take all connections, or fill the disk with temporary files."),
            (fix, fix),
        )
    return well(
        "tenants' share", "为系统保留了连接，临时文件有上限。", "connections are kept for us, temporary files bounded."
    )


def _ended(found: Row | Mapping[str, object]) -> Finding:
    if not found["may_watch"]:
        return unknown(
            "tenants' sessions",
            ("此登录看不到其他会话。", "This login does not see others' sessions."),
            ("以所有者登录执行 doctor 与 maintain。", "Run doctor and maintain with the owner's login."),
        )
    if number := int(str(found["ended"])):
        roles = ", ".join(_listed(found, "ended_roles"))
        return warning(
            "tenants' sessions",
            (
                f"一天内终止了 {number} 个妨碍系统或超过 60 秒的租户会话：{roles}。",
                f"{number} sessions of tenants that blocked us or lasted over 60 s were ended within a day: {roles}.",
            ),
            (
                "查其看板与查询；屡次发生时 tanfeng access revoke。",
                "Look at their boards and queries; if it goes on: tanfeng access revoke.",
            ),
        )
    return well("tenants' sessions", "一天内没有终止租户会话。", "none had to be ended within a day.")


def _listed(found: Row | Mapping[str, object], name: str) -> list[str]:
    names = found[name]
    return [str(each) for each in names] if isinstance(names, list) else []
