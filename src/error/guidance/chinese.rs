use super::{Case, Guidance};
use crate::{error::ErrorCode, image::RegistryKind};

pub(super) const fn of_code(code: ErrorCode, registry: RegistryKind) -> Guidance {
    let (message, remedy) = match code {
        ErrorCode::FailedToVerifyUsernameOrPwd => (
            "镜像仓库不接受该用户名或密码。",
            match registry {
                RegistryKind::AcrEnterprise | RegistryKind::AcrPersonal => {
                    "请核对 AccessKey 的 ID 和密钥，并确认该密钥处于启用状态。"
                }
                RegistryKind::Quay => {
                    "请核对用户名、密码和令牌；令牌可能已过期或被吊销，其所属用户也可能已被停用。"
                }
                RegistryKind::HarborV1 | RegistryKind::HarborV2 | RegistryKind::Other => {
                    "请核对用户名和密码。账号被停用或过期、机器人账号的密钥被重新生成，表现与密码错误相同。"
                }
            },
        ),
        ErrorCode::RegistryVersionError => (
            "镜像仓库的实际版本与配置的版本不一致。",
            "1.x 版本的镜像仓库请选择 V1，2.x 及以上版本请选择 V2。",
        ),
        ErrorCode::UserDoesNotHaveAdminRole => (
            "账号有效，但没有管理员权限。",
            match registry {
                RegistryKind::Quay => "请使用由组织管理员创建、权限范围包含 org:admin 的令牌。",
                RegistryKind::HarborV1
                | RegistryKind::HarborV2
                | RegistryKind::AcrEnterprise
                | RegistryKind::AcrPersonal
                | RegistryKind::Other => {
                    "请在镜像仓库服务端为该用户授予系统管理员角色；若只需处理该用户可见的内容，可设置 required_role = \"list\"。"
                }
            },
        ),
        ErrorCode::NetworkConnectError => (
            "无法通过网络连接到镜像仓库。",
            "请检查域名、IP 和端口（未配置时为 80 或 443），确认服务端正在运行，并确认沿途所有防火墙都放行本机的访问。",
        ),
        ErrorCode::ConfigInvalid => ("当前配置无法建立连接。", "请修正所指出的配置项。"),
        ErrorCode::RegistryTypeError => (
            "该地址有服务应答，但不是所配置类型的镜像仓库。",
            "请检查类型、域名和端口；镜像仓库前面的代理或登录页面也可能代为应答。",
        ),
        ErrorCode::TlsVerificationFailed => (
            "服务端证书不可信。",
            "请确认域名与证书中的名称一致、证书的签发者受本机信任，并确认协议与端口相匹配。",
        ),
        ErrorCode::NamespaceNotFound => (
            "命名空间或组织不存在。",
            "请检查名称的拼写；用户个人的命名空间不是组织。",
        ),
        ErrorCode::TokenScopeMissing => (
            "令牌有效，但无权执行此操作。",
            "请重新创建包含所指权限范围的令牌。",
        ),
        ErrorCode::RamPermissionDenied => (
            "云账号缺少所需权限。",
            "请在该账号的权限策略中允许所指出的操作。",
        ),
        ErrorCode::VpcAccessNotConfigured => (
            "无法通过专有网络（VPC）访问该实例。",
            "请在实例控制台的访问控制中开启专有网络访问，并添加扫描器拉取镜像时所在的 VPC，然后重新验证。设置 vpc_access = \"warn\" 后仅作为告警提示。",
        ),
        ErrorCode::ClockSkew => (
            "本机与服务端的时钟相差过大。",
            "请通过时间服务器校准本机时钟。",
        ),
        ErrorCode::WrongRegionOrEdition => (
            "实例位于其他地域，或属于其他版本（企业版、个人版）。",
            "请更正 region_id 和 type。",
        ),
        ErrorCode::RateLimited => (
            "镜像仓库要求降低请求频率。",
            "请稍后再试、减少并发请求数，或在镜像仓库侧提高该账号的限额。",
        ),
        ErrorCode::RegistryUnavailable => (
            "镜像仓库可以连通，但目前无法提供服务。",
            "请等待其恢复；凭请求 ID 可在镜像仓库自身的日志中查到更多信息。",
        ),
        ErrorCode::AddressRefused => (
            "该地址属于禁止访问的地址段。",
            "请更正 domain、ip 和 hosts，或修正该域名的 DNS 记录：元数据服务和链路本地地址不可能是镜像仓库。如果地址是被出站策略拒绝的，对于 VPC 内的镜像仓库请设置 network = \"vpc\"，或在策略中允许该网段。",
        ),
        ErrorCode::ProtocolViolation => (
            "镜像仓库的应答不符合其接口约定。",
            "请确认没有代理改写或截断应答；如果没有，请连同镜像仓库的版本和该请求一并反馈。",
        ),
        ErrorCode::ScanNotSupported => (
            "该镜像仓库的镜像只能列出，不能扫描。",
            "请将镜像迁移到支持扫描的镜像仓库，例如企业版。",
        ),
        ErrorCode::IncompleteListing => (
            "无法证明清单完整，因此没有将任何镜像标记为已消失。",
            "请再次运行。若问题依旧，请改用管理员账号，并排查是否有其他客户端以同一用户反复使用错误密码登录。",
        ),
        ErrorCode::ImageNotFound => (
            "镜像仓库中没有这个仓库、标签或摘要。",
            "请检查拼写；列出之后，镜像可能已被删除，标签也可能已指向其他镜像。",
        ),
        ErrorCode::NotSupported => (
            "本程序库不支持此操作。",
            "请使用文档所列的镜像仓库和版本，或使用启用了所指特性的构建。",
        ),
        ErrorCode::SinkFailed => (
            "接收端没有接收交付给它的内容。",
            "请查看接收端自身给出的信息；反复失败的镜像会被搁置，直到有人手动要求重新处理。",
        ),
        ErrorCode::InventoryUnavailable => (
            "镜像清单的存储出现故障。",
            "请确认其文件或服务器可以访问、可以写入，并且磁盘未满。",
        ),
        ErrorCode::InventorySchemaTooNew => (
            "该镜像清单由更新的版本写入。",
            "请使用相应的版本，或新建一份镜像清单。",
        ),
        ErrorCode::IntegrationRebound => (
            "在这份镜像清单中，该集成名称已属于另一个镜像仓库。",
            "请换一个名称；如果镜像仓库确已迁移，请在下次同步时重新绑定该集成。",
        ),
    };
    Guidance::new(message, remedy)
}

pub(super) const fn of_case(case: Case) -> Guidance {
    let (message, remedy) = match case {
        Case::SeesNamesAlone => (
            "该账号能看到名称，但看不到名称之下的制品。",
            "请授予该账号在每个项目中列出仓库和制品的权限。在 Harbor 2.9 及更早的版本中，机器人账号一旦拥有任何系统级权限，就会失去其项目级权限：请只为这类机器人账号授予项目级权限。",
        ),
        Case::RobotOfHarborV1 => (
            "该账号是有效的机器人账号，而 Harbor 1.x 的机器人账号只能拉取镜像，不能列出任何内容。",
            "请配置一个具有系统管理员角色的用户。",
        ),
        Case::Robot => (
            "该账号是有效的机器人账号，而机器人账号不可能拥有管理员权限。",
            "请配置一个具有系统管理员角色的用户；若只需处理该机器人账号可见的内容，可设置 required_role = \"list\"。",
        ),
        Case::RegistryUserMissing => (
            "AccessKey 有效，但镜像仓库中尚无该账号对应的用户。",
            "请在个人版控制台为该 RAM 用户设置一次镜像仓库密码，然后重新验证。",
        ),
        Case::ChangedOnItsWay => (
            "服务端收到的请求与签名时的请求不同。",
            "请排查沿途是否有代理改写了请求，包括路径和请求头；AccessKey 的密钥本身不一定有误。",
        ),
        Case::MayNotPull => (
            "账号有效，但无权从该仓库拉取镜像，或者没有这个名称的仓库。",
            "请授予该账号读取此仓库的权限；Quay 的 OAuth 令牌还需要权限范围 repo:read。",
        ),
        Case::ForeignRealm => (
            "镜像仓库要求客户端到另一台主机获取令牌，而该主机不得接收凭据。",
            "如果所指主机确实是该镜像仓库的令牌服务，请将其加入 realm_hosts；否则说明镜像仓库或其前面的代理配置有误，或不可信任。",
        ),
        Case::Downgrade => (
            "镜像仓库要求客户端改用 http，途中任何人都能读到凭据。",
            "请让镜像仓库以 https 公布其令牌服务；如果由前面的代理终止 TLS，需要在镜像仓库中配置其外部访问地址。",
        ),
        Case::NameUnresolved => (
            "镜像仓库的域名无法解析。",
            "请检查域名的拼写和本机的 DNS 服务器，或将 ip 设置为实际要连接的地址。",
        ),
        Case::ConnectionRefused => (
            "地址可达，但该端口上没有服务在监听。",
            "请确认镜像仓库正在运行，且协议与端口（未配置时为 80 或 443）与其监听的一致；如果使用端口转发，请确认转发规则已生效。",
        ),
        Case::Unreachable => (
            "本机没有通往镜像仓库地址的路由。",
            "请检查地址、本机路由以及网络类型是否匹配：只有 network = \"vpc\" 才能访问私网地址。",
        ),
        Case::ConnectTimeout => (
            "镜像仓库的地址和端口没有任何应答，通常是防火墙或安全组丢弃了报文。",
            "请在沿途所有防火墙和安全组上，放行扫描器的源地址访问该端口，并确认端口无误。如果只是网络较慢，请调大 timeouts.connect。",
        ),
        Case::HandshakeTimeout => (
            "连接已建立，但服务端对 TLS 握手没有应答。",
            "请确认该端口使用 https，且服务端没有过载；检查 TLS 流量的代理或防火墙也可能阻滞握手。",
        ),
        Case::ResponseTimeout => (
            "连接已建立，但未能按时收到应答。",
            "请检查镜像仓库及其前面代理的负载；如果只是响应较慢，请调大 timeouts.read。",
        ),
        Case::Interrupted => (
            "应答尚未传完，连接就被中断。",
            "请再次运行。若问题依旧，请查找中断的原因：代理的超时或大小限制、防火墙、使用其他协议的端口，或镜像仓库自身重启。",
        ),
        Case::UntrustedIssuer => (
            "本机信任的证书颁发机构都没有为服务端证书背书。",
            "请将所指签发者的证书加入受信任的证书。如果该签发者与您无关，说明本机与镜像仓库之间有设备在拦截并解密流量。",
        ),
        Case::WrongName => (
            "服务端证书中的名称不包含所配置的域名。",
            "请将 domain 设置为证书中的某个名称，并将 ip 设置为实际要连接的地址；或者为服务端换用包含该域名的证书。",
        ),
        Case::Expired => (
            "服务端证书不在有效期内。",
            "请在服务端更新证书；如果证书并未过期，请校准本机时钟。",
        ),
        Case::Handshake => (
            "服务端与本机未能就 TLS 达成一致。",
            "请确认该端口使用 https，且服务端支持 TLS 1.2 或 1.3；如果端口使用 http，请设置 protocol = \"http\"。",
        ),
        Case::UnknownIntegration => (
            "镜像清单中没有这个集成。",
            "请先同步该集成，并检查其名称以及所使用的镜像清单。",
        ),
        Case::RunInProgress => (
            "该集成的另一次同步正在进行。",
            "无需处理：它会使镜像清单恢复准确。如果其进程已经退出，租约到期后会由新的进程接着完成。",
        ),
        Case::RunSuperseded => (
            "该集成的另一次同步已经开始，并取代了这一次。",
            "无需处理：后一次运行会使镜像清单恢复准确。",
        ),
        Case::LeaseLost => (
            "该镜像已转交他处，或者其交付已经了结。",
            "无需处理。如果经常出现，请延长租约，或加快接收端的处理速度。",
        ),
        Case::InvalidInventoryAddress => (
            "镜像清单的地址无法使用。",
            "请提供 SQLite 文件的路径、:memory: 或 postgres://USER:PASSWORD@HOST/DATABASE。",
        ),
    };
    Guidance::new(message, remedy)
}
