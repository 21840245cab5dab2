import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.SignatureException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

import org.bouncycastle.cms.CMSException;

import com.helger.as2lib.cert.PredefinedCertificateFactory;
import com.helger.as2lib.disposition.AS2DispositionException;
import com.helger.as2lib.exception.AS2Exception;
import com.helger.as2lib.message.AS2Message;
import com.helger.as2lib.message.AS2MessageMDN;
import com.helger.as2lib.message.IMessage;
import com.helger.as2lib.message.IMessageMDN;
import com.helger.as2lib.partner.AbstractPartnershipFactory;
import com.helger.as2lib.partner.Partnership;
import com.helger.as2lib.processor.DefaultMessageProcessor;
import com.helger.as2lib.processor.module.AbstractProcessorModule;
import com.helger.as2lib.processor.module.IProcessorModule;
import com.helger.as2lib.processor.receiver.AS2MDNReceiverModule;
import com.helger.as2lib.processor.receiver.AS2ReceiverModule;
import com.helger.as2lib.processor.receiver.AbstractActiveNetModule;
import com.helger.as2lib.processor.receiver.net.AS2MDNReceiverHandler;
import com.helger.as2lib.processor.sender.AS2SenderModule;
import com.helger.as2lib.processor.sender.AsynchMDNSenderModule;
import com.helger.as2lib.processor.sender.IProcessorSenderModule;
import com.helger.as2lib.processor.storage.IProcessorStorageModule;
import com.helger.as2lib.session.AS2Session;
import com.helger.mail.datasource.ByteArrayDataSource;

import jakarta.mail.internet.MimeBodyPart;

/** as2-lib behind the contract of ../README.md. Its own modules do all the AS2 work; this file configures them and writes down what they decide. */
public final class Peer {
    private static final String PASSWORD = "peer";

    private final Map<String, String> config = new TreeMap<>();
    private final Path home;
    private final AS2Session as2 = new AS2Session();
    private final DefaultMessageProcessor processor = new DefaultMessageProcessor();
    private final AtomicInteger received = new AtomicInteger();
    private final Set<String> stored = ConcurrentHashMap.newKeySet();
    private final Set<String> answered = ConcurrentHashMap.newKeySet();

    private Peer(String[] arguments) {
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            config.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        home = Path.of(config.get("home"));
    }

    public static void main(String[] arguments) throws Exception {
        new Peer(arguments).run();
    }

    private void run() throws Exception {
        for (String folder : new String[] {"inbox", "outbox", "sent", "pending"})
            Files.createDirectories(home.resolve(folder));

        as2.setCryptoVerifyUseCertificateInBodyPart(false);     // the default verifies with whatever certificate comes along

        PredefinedCertificateFactory certificates = new PredefinedCertificateFactory(keyStore());
        certificates.setPassword(PASSWORD);
        certificates.initDynamicComponent(as2, null);
        as2.setCertificateFactory(certificates);

        AbstractPartnershipFactory partnerships = new Partnerships();
        partnerships.initDynamicComponent(as2, null);
        for (int i = 0; config.containsKey("relations." + i + ".as2_id"); i++) {
            String relation = "relations." + i + ".";
            Files.createDirectories(home.resolve("outbox").resolve(config.get(relation + "as2_id")));
            partnerships.addPartnership(partnership(relation, true));
            partnerships.addPartnership(partnership(relation, false));
        }
        as2.setPartnershipFactory(partnerships);

        processor.initDynamicComponent(as2, null);
        processor.setPendingMDNFolder(home.resolve("pending").toString());
        processor.setPendingMDNInfoFolder(home.resolve("pending").toString());
        as2.setMessageProcessor(processor);
        add(new Inbox());
        add(new Sender());
        add(new AsynchMDNSenderModule());
        listen(new Receiver(), "port");
        if (config.containsKey("mdn_port"))
            listen(new MdnReceiver(), "mdn_port");

        processor.startActiveModules();
        Runtime.getRuntime().addShutdownHook(new Thread(processor::stopActiveModules));
        System.out.println("ready");
        watchOutbox();
    }

    private void listen(AbstractActiveNetModule module, String port) throws AS2Exception {
        module.attrs().putIn(AbstractActiveNetModule.ATTR_ADDRESS, "127.0.0.1");
        module.attrs().putIn(AbstractActiveNetModule.ATTR_PORT, config.get(port));
        module.attrs().putIn(AbstractActiveNetModule.ATTR_ERROR_DIRECTORY, home.resolve("errors").toString());
        add(module);
    }

    private void add(IProcessorModule module) throws AS2Exception {
        module.initDynamicComponent(as2, module.attrs());
        processor.addModule(module);
    }

    // ---- configuration

    private KeyStore keyStore() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(
                new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(
                        Files.readString(Path.of(config.get("own.key"))).replaceAll("-----[^-]+-----", ""))));
        store.setKeyEntry("own", key, PASSWORD.toCharArray(), new Certificate[] {certificate("own")});
        store.setCertificateEntry("partner", certificate("partner"));
        return store;
    }

    private Certificate certificate(String who) throws Exception {
        try (InputStream in = Files.newInputStream(Path.of(config.get(who + ".certificate")))) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    /** Both directions carry the security settings: as2-lib looks at them, not at the message, to find out what a MIC covers. */
    private Partnership partnership(String relation, boolean out) {
        String own = config.get("own.as2_id"), partner = config.get(relation + "as2_id");
        Partnership p = new Partnership(relation + (out ? "out" : "in"));
        p.setSenderAS2ID(out ? own : partner);
        p.setSenderX509Alias(out ? "own" : "partner");
        p.setSenderEmail("sender@example.com");
        p.setReceiverAS2ID(out ? partner : own);
        p.setReceiverX509Alias(out ? "partner" : "own");
        p.setReceiverEmail("receiver@example.com");
        p.setProtocol("as2");
        p.setSubject("interop");
        p.setContentTransferEncodingSend("binary");
        String sign = setting(relation + "sign", "none");
        String encrypt = setting(relation + "encrypt", "none").replace("des-ede3-cbc", "3des").replaceFirst("^aes-", "aes");
        String compress = setting(relation + "compress", "none");
        if (!sign.equals("none"))
            p.setSigningAlgorithm(sign);
        if (!encrypt.equals("none"))
            p.setEncryptAlgorithm(encrypt);
        if (!compress.equals("none"))
            p.setCompressionType("zlib");
        if (compress.startsWith("after"))
            p.setCompressionModeCompressAfterSigning();
        if (out) {
            p.setAS2URL(config.get(relation + "url"));
            askForMdn(p, relation, sign);
        }
        return p;
    }

    private void askForMdn(Partnership p, String relation, String sign) {
        String mdn = setting(relation + "mdn", "none");
        if (mdn.equals("none"))
            return;
        p.setAS2MDNTo("peer@example.com");
        String micalg = sign.equals("none") ? "sha-256" : sign.replace("rsassa-pss-", "");
        if (setting(relation + "mdn_signed", "true").equals("true"))
            p.setAS2MDNOptions("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, " + micalg);
        if (mdn.equals("async"))
            p.setAS2ReceiptDeliveryOption("http://127.0.0.1:" + config.get("mdn_port") + "/mdn");
    }

    private String setting(String key, String otherwise) {
        return config.getOrDefault(key, otherwise);
    }

    /** The product looks up an async MDN with a null certificate alias, which matches no partnership; names alone are enough here. */
    private static final class Partnerships extends AbstractPartnershipFactory {
        @Override
        public Partnership getPartnership(Partnership wanted) throws AS2Exception {
            Partnership names = new Partnership(wanted.getName());
            names.setSenderAS2ID(wanted.getSenderAS2ID());
            names.setReceiverAS2ID(wanted.getReceiverAS2ID());
            return super.getPartnership(names);
        }
    }

    // ---- receiving

    private final class Inbox extends AbstractProcessorModule {
        @Override
        public boolean canHandle(String action, IMessage message, Map<String, Object> options) {
            return action.equals(IProcessorStorageModule.DO_STORE);
        }

        @Override
        public void handle(String action, IMessage message, Map<String, Object> options) throws AS2Exception {
            String name = "inbox/%05d".formatted(received.incrementAndGet());
            Path part = home.resolve(name.replace("inbox/", "."));
            try (InputStream in = message.getData().getInputStream()) {
                Files.copy(in, part);
                Files.move(part, home.resolve(name), StandardCopyOption.ATOMIC_MOVE);
            } catch (Exception ex) {
                throw new AS2Exception("cannot store", ex);
            }
            stored.add(message.getMessageID());
            event("received", "message_id", message.getMessageID(), "file", name, "disposition", "processed");
        }
    }

    private final class Receiver extends AS2ReceiverModule {
        @Override
        public void handleError(IMessage message, AS2Exception error) {
            super.handleError(message, error);
            String id = message.getMessageID();
            boolean mdnOnly = id != null && stored.contains(id);     // the message was taken, only its MDN failed
            event(mdnOnly ? "send-failed" : "rejected", "message_id", id, "reason", reason(error));
        }
    }

    // ---- sending

    private void watchOutbox() throws Exception {
        ExecutorService senders = Executors.newFixedThreadPool(4);
        while (true) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(home.resolve("outbox"))) {
                for (Path folder : files)
                    takeFrom(folder, senders);
            }
            Thread.sleep(100);
        }
    }

    private void takeFrom(Path folder, ExecutorService senders) throws IOException {
        String receiver = folder.getFileName().toString();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (Path file : files) {
                Path taken = home.resolve("sent").resolve(receiver);
                Files.createDirectories(taken);
                Path moved = Files.move(file, taken.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
                senders.execute(() -> send(receiver, moved));
            }
        }
    }

    private void send(String receiver, Path file) {
        AS2Message message = new AS2Message();
        try {
            message.partnership().setSenderAS2ID(config.get("own.as2_id"));
            message.partnership().setReceiverAS2ID(receiver);
            as2.getPartnershipFactory().updatePartnership(message, true);
            message.updateMessageID();
            String type = setting("content_type", "application/octet-stream");
            String disposition = "attachment; filename=\"" + file.getFileName() + "\"";
            MimeBodyPart part = new MimeBodyPart();
            part.setDataHandler(new ByteArrayDataSource(Files.readAllBytes(file), type, null).getAsDataHandler());
            part.setHeader("Content-Type", type);
            part.setHeader("Content-Transfer-Encoding", "binary");
            part.setHeader("Content-Disposition", disposition);
            message.setContentDisposition(disposition);
            message.setData(part);
            processor.handle(IProcessorSenderModule.DO_SEND, message, null);
        } catch (Exception ex) {
            if (!answered.contains(message.getMessageID()))     // a negative MDN is an exception too, but it was told already
                event("send-failed", "message_id", message.getMessageID(), "reason", reason(ex));
        }
    }

    private final class Sender extends AS2SenderModule {
        Sender() {
            setIncomingMDNCallback((sync, mdn, from, to, disposition, mic, original, signed, matched) ->
                    mdnArrived(mdn.getMessage().getMessageID(), disposition, mic, signed, matched));
        }

        @Override
        protected void onReceivedMDNError(AS2Message message, AS2Exception error) throws AS2Exception {
            super.onReceivedMDNError(message, error);
            mdnFailed(message.getMessageID(), error);
        }
    }

    private final class MdnReceiver extends AS2MDNReceiverModule {
        @Override
        public AS2MDNReceiverHandler createHandler() {
            AS2MDNReceiverHandler handler = super.createHandler();
            handler.setIncomingMDNCallback((sync, mdn, from, to, disposition, mic, original, signed, matched) ->
                    mdnArrived(original, disposition, mic, signed, matched));
            return handler;
        }

        @Override
        public void handleError(IMessage message, AS2Exception error) {
            super.handleError(message, error);
            IMessageMDN mdn = message.getMDN();
            mdnFailed(mdn == null ? null : mdn.attrs().getAsString(AS2MessageMDN.MDNA_ORIG_MESSAGEID), error);
        }
    }

    private void mdnArrived(String id, String disposition, String mic, boolean signed, boolean matched) {
        if (id != null)
            answered.add(id);
        String plain = disposition == null ? null : disposition.replaceFirst("^[^;]*;\\s*", "");
        event("mdn", "message_id", id, "disposition", plain, "mic_matched", mic == null ? null : matched, "signature_ok", signed ? true : null);
    }

    private void mdnFailed(String id, AS2Exception error) {
        if (id != null && answered.contains(id))
            return;
        if (causedBy(error, SignatureException.class) || causedBy(error, CMSException.class))
            event("mdn", "message_id", id, "disposition", null, "mic_matched", null, "signature_ok", false);
        else
            event("send-failed", "message_id", id, "reason", "MDN: " + reason(error));
    }

    // ---- events.jsonl

    private static boolean causedBy(Throwable error, Class<?> kind) {
        for (Throwable t = error; t != null; t = t.getCause())
            if (kind.isInstance(t))
                return true;
        return false;
    }

    private static String reason(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable t = error; t != null; t = t.getCause()) {
            text.append(text.length() == 0 ? "" : " <- ");
            if (t instanceof AS2DispositionException disposition)
                text.append(disposition.getDisposition().getAsString().replaceFirst("^[^;]*;\\s*", ""));
            else
                text.append(t);
        }
        return text.toString().replaceAll("\\s+", " ");
    }

    private synchronized void event(String what, Object... fields) {
        StringBuilder line = new StringBuilder("{\"event\": ").append(json(what));
        for (int i = 0; i < fields.length; i += 2)
            line.append(", ").append(json(fields[i])).append(": ").append(json(fields[i + 1]));
        try {
            Files.writeString(home.resolve("events.jsonl"), line.append("}\n"), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException ex) {
            ex.printStackTrace();
        }
    }

    private static String json(Object value) {
        if (!(value instanceof String))
            return String.valueOf(value);
        StringBuilder out = new StringBuilder("\"");
        ((String) value).chars().forEach(c -> out.append(
                c == '"' || c == '\\' ? "\\" + (char) c : c < ' ' ? "\\u%04x".formatted(c) : String.valueOf((char) c)));
        return out.append('"').toString();
    }
}
