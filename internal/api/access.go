package api

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/reflect/protoreflect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	rpc "github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// access is who may call a procedure. Finer rules (roles, membership) are the domain's.
type access uint8

const (
	accessPublic access = iota + 1 // anyone
	accessKnown                    // anyone, limited by address; who has a good token is known
	accessUser                     // a user, or a back end acting for one
	accessMember                   // a user, or a back end, also in its own name
	accessAdmin                    // administrators and back ends
)

// accessOf is the route table: every procedure of the schema has a row, which New checks.
func accessOf() map[string]access {
	rows := messageAccess()
	maps.Copy(rows, map[string]access{
		rpc.AccessServiceListGatewaysProcedure: accessKnown,

		rpc.AccountServiceSignUpProcedure:         accessPublic,
		rpc.AccountServiceSignInProcedure:         accessPublic,
		rpc.AccountServiceRefreshProcedure:        accessPublic,
		rpc.AccountServiceSignOutProcedure:        accessUser,
		rpc.AccountServiceListDevicesProcedure:    accessUser,
		rpc.AccountServiceGetMeProcedure:          accessUser,
		rpc.AccountServiceUpdateProfileProcedure:  accessUser,
		rpc.AccountServiceChangePasswordProcedure: accessUser,
		rpc.AccountServiceDeleteAccountProcedure:  accessUser,
		rpc.AccountServiceListProfilesProcedure:   accessMember,
		rpc.AccountServiceFindUserProcedure:       accessMember,
		rpc.AccountServiceExportDataProcedure:     accessUser,

		rpc.ConversationServiceOpenDirectProcedure:        accessUser,
		rpc.ConversationServiceCreateGroupProcedure:       accessUser,
		rpc.ConversationServiceGetConversationProcedure:   accessUser,
		rpc.ConversationServiceListConversationsProcedure: accessUser,
		rpc.ConversationServiceUpdateGroupProcedure:       accessMember,
		rpc.ConversationServiceJoinProcedure:              accessUser,
		rpc.ConversationServiceAddMembersProcedure:        accessMember,
		rpc.ConversationServiceRemoveMemberProcedure:      accessMember,
		rpc.ConversationServiceLeaveProcedure:             accessUser,
		rpc.ConversationServiceSetRoleProcedure:           accessMember,
		rpc.ConversationServiceTransferProcedure:          accessMember,
		rpc.ConversationServiceMuteMemberProcedure:        accessMember,
		rpc.ConversationServiceSetNicknameProcedure:       accessMember,
		rpc.ConversationServiceBanMemberProcedure:         accessMember,
		rpc.ConversationServiceUnbanProcedure:             accessMember,
		rpc.ConversationServiceListBansProcedure:          accessMember,
		rpc.ConversationServiceListActsProcedure:          accessMember,
		rpc.ConversationServiceDissolveProcedure:          accessMember,
		rpc.ConversationServiceListMembersProcedure:       accessMember,
		rpc.ConversationServiceUpdateSettingsProcedure:    accessUser,

		rpc.PresenceServiceGetPresenceProcedure: accessUser,
		rpc.PresenceServiceListOnlineProcedure:  accessUser,

		rpc.ReceiptServiceGetReceiptsProcedure:  accessUser,
		rpc.ReceiptServiceListReceiptsProcedure: accessUser,
		rpc.ReceiptServiceHideEntriesProcedure:  accessUser,
		rpc.InviteServiceCreateLinkProcedure:    accessMember,
		rpc.InviteServiceListLinksProcedure:     accessMember,
		rpc.InviteServiceRevokeLinkProcedure:    accessMember,
		rpc.InviteServicePreviewLinkProcedure:   accessUser,
		rpc.InviteServiceJoinByLinkProcedure:    accessUser,

		rpc.SocialServiceRequestFriendProcedure:   accessUser,
		rpc.SocialServiceAcceptFriendProcedure:    accessUser,
		rpc.SocialServiceRefuseFriendProcedure:    accessUser,
		rpc.SocialServiceWithdrawRequestProcedure: accessUser,
		rpc.SocialServiceUnfriendProcedure:        accessUser,
		rpc.SocialServiceSetFollowProcedure:       accessUser,
		rpc.SocialServiceSetRemarkProcedure:       accessUser,
		rpc.SocialServiceSetBlockProcedure:        accessUser,
		rpc.SocialServiceGetPrivacyProcedure:      accessUser,
		rpc.SocialServiceUpdatePrivacyProcedure:   accessUser,
		rpc.SocialServiceListRelationsProcedure:   accessUser,

		rpc.AdminServiceCreateUsersProcedure:      accessAdmin,
		rpc.AdminServiceGetUserProcedure:          accessAdmin,
		rpc.AdminServiceListUsersProcedure:        accessAdmin,
		rpc.AdminServiceUpdateUserProcedure:       accessAdmin,
		rpc.AdminServiceResetPasswordProcedure:    accessAdmin,
		rpc.AdminServiceIssueTokenProcedure:       accessAdmin,
		rpc.AdminServiceSignOutUserProcedure:      accessAdmin,
		rpc.AdminServiceEraseUserProcedure:        accessAdmin,
		rpc.AdminServiceCreateInvitationProcedure: accessAdmin,
		rpc.AdminServiceGetTierProcedure:          accessAdmin,
		rpc.AdminServiceSetTierProcedure:          accessAdmin,
	})
	return rows
}

// messageAccess are the rows of the log.
func messageAccess() map[string]access {
	return map[string]access{
		rpc.MessageServiceSendProcedure:        accessMember,
		rpc.MessageServiceListEntriesProcedure: accessUser,
		rpc.MessageServiceListEditsProcedure:   accessUser,
		rpc.MessageServiceListPinsProcedure:    accessUser,
		rpc.MessageServiceResolveLinkProcedure: accessUser,
		rpc.MessageServiceMarkReadProcedure:    accessUser,
		rpc.MessageServiceSyncProcedure:        accessUser,
	}
}

// methods calls each for every method of the schema's services.
func methods(each func(procedure string, m protoreflect.MethodDescriptor)) {
	for _, file := range []protoreflect.FileDescriptor{
		throngv1.File_throng_v1_access_proto, throngv1.File_throng_v1_account_proto, throngv1.File_throng_v1_conversation_proto,
		throngv1.File_throng_v1_message_proto, throngv1.File_throng_v1_presence_proto, throngv1.File_throng_v1_receipts_proto, throngv1.File_throng_v1_social_proto, throngv1.File_throng_v1_invite_proto, throngv1.File_throng_v1_admin_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				each(fmt.Sprintf("/%s/%s", service.FullName(), m.Name()), m)
			}
		}
	}
}

// checkAccess reports a procedure without a row, or a row without a procedure.
func checkAccess(table map[string]access) error {
	var err error
	n := 0
	methods(func(procedure string, _ protoreflect.MethodDescriptor) {
		n++
		if table[procedure] == 0 {
			err = fmt.Errorf("nobody said who may call %s", procedure)
		}
	})
	if err == nil && n != len(table) {
		err = fmt.Errorf("the table of access has %d rows, the schema %d procedures", len(table), n)
	}
	return err
}
